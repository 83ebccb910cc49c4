"""Tables I to III of the paper, and speed: what no user of a cascade needs."""
