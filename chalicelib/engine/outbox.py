"""Messages on their way out: sent in full batches as they come, the rest at the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.domain.messages import Message, Outgoing
from chalicelib.engine.ports.queue import Sender

BATCH = 10
"""Messages that SQS takes in one request."""


@dataclass(kw_only=True, slots=True)
class Outbox:
    """Collects messages, so that a fan-out of n takes n/10 requests and its first tasks start early."""

    sender: Sender
    _waiting: list[Outgoing] = field(default_factory=list)

    def post(self, message: Message, delay_seconds: int = 0) -> None:
        """Send a message with the next batch."""
        self.extend([Outgoing(message=message, delay_seconds=delay_seconds)])

    def post_once(self, message: Message) -> None:
        """Send a message with the next batch, unless it is among what that sends already."""
        if Outgoing(message=message) not in self._waiting:
            self.post(message)

    def extend(self, messages: Iterable[Outgoing]) -> None:
        """Send messages with the next batches."""
        self._waiting.extend(messages)
        while len(self._waiting) >= BATCH:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self.sender.send(batch)

    def flush(self) -> None:
        """Send what is left."""
        batch, self._waiting = self._waiting, []
        if batch:
            self.sender.send(batch)
