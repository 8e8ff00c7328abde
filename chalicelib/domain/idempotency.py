"""Idempotency keys: what a client sends with a request that it may have to send again.

Not of Airflow; the header and its meaning follow the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

KEPT_FOR = timedelta(hours=24)
"""How long an answer is given again; after that the key is free."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAnswer:
    """The answer to the first request of a key."""

    scoped_key: str
    body_digest: str
    """Of the body that came with the key."""
    answer: str
    kept_at: datetime
    """When the answer was given; aware."""

    @property
    def expires_at(self) -> datetime:
        """From when on the answer counts no more, whether it is still in a table or not."""
        return self.kept_at + KEPT_FOR

    def is_live(self, now: datetime) -> bool:
        """Whether the key still stands for this answer."""
        return now < self.expires_at


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A client's key within its scope, and the body that it came with, both as digests."""

    scoped_key: str
    body_digest: str

    @classmethod
    def of(cls, key: str, body: bytes, *scope: str | None) -> "IdempotencyKey":
        """The key of a request; ``scope`` is what else has to be equal: the route, who asks, the DAG."""
        return cls(
            # As JSON, so that no two scopes run into each other; a digest, for names can be long.
            scoped_key=sha256(json.dumps([*scope, key]).encode()).hexdigest(),
            body_digest=sha256(body).hexdigest(),
        )

    def keeping(self, answer: str, now: datetime) -> KeptAnswer:
        """What is to be kept of an answer."""
        return KeptAnswer(
            scoped_key=self.scoped_key, body_digest=self.body_digest, answer=answer, kept_at=now
        )
