"""Kerberos authenticators that were seen, so that none is accepted twice."""

from datetime import datetime
from math import ceil

from chalicelib.store.dynamodb.models import KerberosReplayItem
from chalicelib.store.dynamodb.tables import Tables


class DynamoReplays:
    """Implements ``auth.ports.Replays``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.kerberos_replays

    def claim(self, authenticator: str, claimant: str, now: datetime, until: datetime) -> bool:
        item = KerberosReplayItem(authenticator, claimant=claimant, expires_at=ceil(until.timestamp()))
        # DynamoDB deletes what has expired days later.
        has_expired = KerberosReplayItem.expires_at <= int(now.timestamp())
        write = self._table.put(item, KerberosReplayItem.authenticator.does_not_exist() | has_expired)
        return write.applied or (write.item is not None and write.item.claimant == claimant)
