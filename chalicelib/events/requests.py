"""``WantedRun``: a run that an event asks for, one of each DAG that is declared for the event."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from chalicelib.domain.errors import excerpt
from chalicelib.engine.runs.create import MAX_RUN_ID_LENGTH, RunRequest
from chalicelib.events.declarations import Declaration
from chalicelib.events.incoming import Event

_PLAIN_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
"""The run ids that Airflow allows by default."""

_SECOND_US = 1_000_000
_MILLISECOND_US = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedRun:
    """A run, named after the event."""

    event: Event
    """The event."""
    declaration: Declaration
    """The declaration that it fits."""

    @property
    def request(self) -> RunRequest:
        """The request, the same for each delivery of the event; raises ``ConfError``."""
        event = self.event
        return RunRequest(
            dag_id=self.declaration.dag_id,
            run_id=run_id(event.identity),
            execution_date=execution_date(event.time, event.identity),
            triggered_by=_printable(excerpt(f"event: {event.description}")),
            conf=self.declaration.conf.build(event.document),
        )


def wanted_runs(event: Event, declarations: Iterable[Declaration]) -> tuple[WantedRun, ...]:
    """The runs that an event triggers: one of each DAG, by the first declaration that fits."""
    first: dict[str, Declaration] = {}
    for declaration in declarations:
        if declaration.dag_id not in first and declaration.filter.fits(event):
            first[declaration.dag_id] = declaration
    return tuple(WantedRun(event=event, declaration=each) for each in first.values())


def run_id(identity: str) -> str:
    """The identity itself, or a hash of it where Airflow would not allow the identity as a run id.

    An identity begins with its kind and ``__``; so does the hash.
    """
    if len(identity) <= MAX_RUN_ID_LENGTH and _PLAIN_RUN_ID.fullmatch(identity):
        return identity
    return f"{identity.partition('__')[0]}__sha256:{_hash(identity).hex()}"


def execution_date(time: datetime, identity: str) -> datetime:
    """The time of the event; digits that AWS leaves out are made of the identity.

    AWS gives times to the second or the millisecond, and each run of a DAG needs an instant of its own. So
    a thousand events of one second are spread over it, and a redelivery comes to the same instant.
    """
    number = int.from_bytes(_hash(identity)[:8])
    if time.microsecond == 0:
        return time + timedelta(microseconds=number % _SECOND_US)
    if time.microsecond % _MILLISECOND_US == 0:
        return time + timedelta(microseconds=number % _MILLISECOND_US)
    return time


def _hash(identity: str) -> bytes:
    # An event's JSON may hold half of a surrogate pair, which has no UTF-8.
    return sha256(identity.encode("utf-8", "surrogatepass")).digest()


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
