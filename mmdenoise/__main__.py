"""``python -m mmdenoise``: the command ``mmdenoise``."""

import sys

from mmdenoise.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
