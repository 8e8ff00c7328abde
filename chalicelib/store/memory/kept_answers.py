"""The answers kept under idempotency keys."""

from threading import RLock

from chalicelib.domain.idempotency import KeptAnswer


class MemoryKeptAnswers:
    """Implements ``engine.ports.store.KeptAnswers``."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._answers: dict[str, KeptAnswer] = {}

    def get(self, scoped_key: str) -> KeptAnswer | None:
        return self._answers.get(scoped_key)

    def keep(self, answer: KeptAnswer) -> bool:
        """Keep an answer unless another one that is live has its key."""
        with self._lock:
            standing = self._answers.get(answer.scoped_key)
            if standing and standing.is_live(answer.kept_at):
                return standing == answer
            self._answers[answer.scoped_key] = answer
            return True
