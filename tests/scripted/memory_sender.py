"""The sender in memory, in place of ``chalicelib.queues.sqs``."""

from collections.abc import Iterable

from chalicelib.domain.messages import Outgoing


class MemorySender:
    """Implements ``engine.ports.queue.Sender``; ``sent`` is what nobody has taken yet, in order."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Keep the messages."""
        self.sent.extend(messages)

    def take_all(self) -> list[Outgoing]:
        """What was sent and not taken yet; it is then taken."""
        taken, self.sent = self.sent, []
        return taken
