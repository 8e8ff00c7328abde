"""A queue that keeps messages as SQS does: as texts, until their handler has succeeded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.messages import LONGEST_DELAY_SECONDS, Message, Outgoing
from chalicelib.queues.messages import encode


@dataclass(slots=True, eq=False)
class InFlight:
    """A message on its way."""

    message: str
    """Its text."""
    visible_at: datetime
    """The message is invisible until then."""
    was_received: bool = False


@dataclass
class Queue:
    """Implements ``Sender``."""

    now: Callable[[], datetime]
    waiting: list[InFlight] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    """All messages that ever were sent, in order."""

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Take messages in; none is delayed longer than SQS would."""
        for outgoing in messages:
            self.sent.append(outgoing.message)
            delay = timedelta(seconds=min(outgoing.delay_seconds, LONGEST_DELAY_SECONDS))
            self.waiting.append(InFlight(message=encode(outgoing.message), visible_at=self.now() + delay))

    def visible(self) -> list[InFlight]:
        """What a handler could be given now, as it was sent."""
        now = self.now()
        return [entry for entry in self.waiting if entry.visible_at <= now]

    def first(self) -> InFlight | None:
        """What is visible first; of two, what was sent first."""
        return min(self.waiting, key=lambda entry: entry.visible_at, default=None)

    def remove(self, entry: InFlight) -> None:
        """A handler has succeeded; if another one had before, nothing is left to do."""
        if entry in self.waiting:
            self.waiting.remove(entry)
