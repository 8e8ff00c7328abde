"""``python -m chalicelib.local``: the local server, as ``make run`` starts it."""

import sys

from chalicelib.local.application import application
from chalicelib.local.server import run

if __name__ == "__main__":
    sys.exit(run(application()))
