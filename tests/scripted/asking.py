"""An HTTP answer, and the ways to ask for one."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case, ``body`` parsed where it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


Send = Callable[[str, str, Mapping[str, str], bytes], Answer]
"""Sends method, path (``/api/experimental/...``), headers and body."""


Ask = Callable[[], Answer]
"""Sends the request of a step."""


def one_after_another(ask: Ask, count: int) -> list[Answer]:
    """Send a request that many times in a row: for an app that serves one request at a time."""
    return [ask() for _ in range(count)]


def at_once(ask: Ask, count: int) -> list[Answer]:
    """Send a request that many times at the same moment."""
    gate = threading.Barrier(count)

    def ask_with_the_others(_number: int) -> Answer:
        gate.wait()
        return ask()

    with ThreadPoolExecutor(count) as clients:
        return list(clients.map(ask_with_the_others, range(count)))


Repeat = Callable[[Ask, int], list[Answer]]
"""How the requests of a ``parallel`` step are sent."""
