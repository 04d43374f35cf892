"""``python -m graphkeras`` is the command line, also where scripts are off the path."""

import sys

from graphkeras.cli import main

if __name__ == "__main__":
    sys.exit(main())
