"""``python -m chalicelib.local``: the local server, as ``make run`` starts it."""

import sys

from chalicelib.local.server import run
from chalicelib.local.updraft import application

if __name__ == "__main__":
    sys.exit(run(application()))
