"""Answers by idempotency key. They are written by the transactions of what they are the answer to."""

from math import ceil

from chalicelib.domain.idempotency import KEPT_FOR, KeptAnswer
from chalicelib.store.dynamodb.connection import Refusal, Request
from chalicelib.store.dynamodb.models import KeptAnswerItem
from chalicelib.store.dynamodb.table import Table
from chalicelib.store.dynamodb.tables import Tables


class DynamoKeptAnswers:
    """Implements ``engine.ports.store.KeptAnswers``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.kept_answers

    def get(self, scoped_key: str) -> KeptAnswer | None:
        item = self._table.get(scoped_key)
        return _as_kept(item) if item else None


def keeping(table: Table[KeptAnswerItem], kept: KeptAnswer) -> Request:
    """The write of a transaction that keeps an answer, refused while the key has one that is live."""
    item = KeptAnswerItem(
        kept.scoped_key,
        body_digest=kept.body_digest,
        answer=kept.answer,
        kept_at=kept.kept_at,
        expires_at=ceil(kept.expires_at.timestamp()),
    )
    # By the exact instant: DynamoDB's time to live counts whole seconds and deletes days later.
    has_expired = KeptAnswerItem.kept_at <= kept.kept_at - KEPT_FOR
    return {"Put": table.put_request(item, KeptAnswerItem.scoped_key.does_not_exist() | has_expired)}


def is_standing(table: Table[KeptAnswerItem], refusal: Refusal, kept: KeptAnswer) -> bool:
    """Whether what refused the write of an answer is that very answer."""
    item = table.read(refusal.item)
    return item is not None and _as_kept(item) == kept


def _as_kept(item: KeptAnswerItem) -> KeptAnswer:
    return KeptAnswer(
        scoped_key=item.scoped_key,
        body_digest=item.body_digest,
        answer=item.answer,
        kept_at=item.kept_at,
    )
