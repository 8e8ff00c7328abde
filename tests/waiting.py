"""How long tests wait for what has to come true."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 90.0
"""Far longer than anything takes, also on a machine that has much else to do: only what never comes fails."""


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
