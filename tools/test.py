"""``mmdenoise test``, under the name that the hosts' tools have."""

import sys

from mmdenoise.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["test", *sys.argv[1:]]))
