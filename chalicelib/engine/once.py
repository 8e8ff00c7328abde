"""Answers by idempotency key: a request that is sent again is answered as it was first.

The answer is kept by the write that does what was asked, so either both happened or neither did. The
key is looked up only when that write is refused: a request with a key costs no more than one without.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.domain.errors import IdempotencyKeyReused
from chalicelib.domain.idempotency import IdempotencyKey
from chalicelib.engine.engine import Engine

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Once(Generic[T]):
    """An answer, and what was made for it just now: None if an earlier request had made it."""

    answer: str
    made: T | None = None


def earlier_answer(engine: Engine, key: IdempotencyKey) -> str | None:
    """The answer that a key stands for, None if it is free; 1 request.

    Raises ``IdempotencyKeyReused`` if the key came with another body then.
    """
    kept = engine.store.kept_answers.get(key.scoped_key)
    if kept is None or not kept.is_live(engine.now()):
        return None
    if kept.body_digest != key.body_digest:
        raise IdempotencyKeyReused
    return kept.answer
