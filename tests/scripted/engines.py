"""An engine over memory, for tests of what stands in front of it."""

from collections.abc import Callable
from datetime import datetime
from itertools import count

from chalicelib.domain.messages import Outgoing
from chalicelib.engine.engine import Engine
from chalicelib.store.memory import MemoryStore
from tests.scripted.memory_sender import MemorySender


def engine_in_memory(now: Callable[[], datetime]) -> Engine:
    """An engine with an empty store."""
    numbers = count(1)
    return Engine(
        store=MemoryStore(),
        sender=MemorySender(),
        now=now,
        new_uid=lambda: f"uid-{next(numbers):05d}",
        allowed_run_id_pattern=r"^[A-Za-z0-9_.~:+-]+$",
    )


def take_sent(engine: Engine) -> list[Outgoing]:
    """What such an engine has sent and nobody has taken yet; it is then taken."""
    assert isinstance(engine.sender, MemorySender)
    return engine.sender.take_all()
