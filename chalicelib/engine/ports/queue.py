"""The port of the queues."""

from collections.abc import Iterable
from typing import Protocol

from chalicelib.domain.messages import Outgoing


class Sender(Protocol):
    """The queues; which queue a message goes to follows from its type."""

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Send, ten at most per request; raises ``StoreUnavailable`` if any was not taken."""
