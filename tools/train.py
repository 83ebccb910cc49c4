"""``mmdenoise train``, under the name that the hosts' tools have."""

import sys

from mmdenoise.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
