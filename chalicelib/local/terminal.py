"""The part of the log that reaches the terminal of the local server."""

import contextlib
import logging
import sys
from collections.abc import Mapping

from chalicelib.local.full_disk import in_one_line


def log_to_terminal(environ: Mapping[str, str]) -> None:
    """Warnings and worse, or from ``[logging] logging_level`` on, go to stderr.

    The handler filters, not the loggers: what the handlers of ``app.py`` log for CloudWatch is theirs.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    handler.addFilter(in_one_line)
    with contextlib.suppress(ValueError):  # an unknown level: the default stays
        handler.setLevel(environ.get("AIRFLOW__LOGGING__LOGGING_LEVEL", "").upper() or logging.WARNING)
    logging.basicConfig(handlers=[handler], level=min(handler.level, logging.WARNING))
