"""``python -m skepi`` is the command ``skepi``."""

import sys

from skepi.cli import main

if __name__ == "__main__":
    sys.exit(main())
