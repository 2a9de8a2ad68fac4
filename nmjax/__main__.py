"""`python -m nmjax COMMAND`: the command line."""

import sys

from nmjax.cli.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
