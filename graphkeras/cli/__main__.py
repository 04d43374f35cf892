"""``python -m graphkeras.cli``."""

import sys

from graphkeras.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
