"""``WantedRun`` and ``WantedChange``: the runs and the changes of datasets that an event asks for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from chalicelib.domain.errors import excerpt
from chalicelib.domain.runs.dataset_changes import DatasetChange
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
    dag_id: str
    """The DAG that the declaration names."""
    declaration: Declaration
    """The declaration that it fits."""

    @property
    def request(self) -> RunRequest:
        """The request, the same for each delivery of the event; raises ``ConfError``."""
        event = self.event
        return RunRequest(
            dag_id=self.dag_id,
            run_id=run_id(event.identity),
            execution_date=execution_date(event.time, event.identity),
            triggered_by=_printable(excerpt(f"event: {event.description}")),
            conf=self.declaration.conf.build(event.document),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedChange:
    """A change of a dataset, named after the event."""

    event: Event
    """The event."""
    uri: str
    """The dataset that the declaration names."""
    declaration: Declaration
    """The declaration that it fits."""

    @property
    def origin(self) -> str:
        """Names the change, the same for each delivery of the event; another one for each dataset."""
        return f"{run_id(self.event.identity)}#{_hash(self.uri).hex()[:16]}"

    @property
    def timestamp(self) -> datetime:
        """The moment of the change, the same for each delivery of the event."""
        return execution_date(self.event.time, self.event.identity)

    @property
    def change(self) -> DatasetChange:
        """The change; raises ``ConfError``."""
        return DatasetChange(uri=self.uri, extra=self.declaration.conf.build(self.event.document))


def wanted_runs(event: Event, declarations: Iterable[Declaration]) -> tuple[WantedRun, ...]:
    """The runs that an event triggers: one of each DAG, by the first declaration that fits."""
    first: dict[str, Declaration] = {}
    for declaration in declarations:
        if declaration.dag_id is not None and declaration.filter.fits(event):
            first.setdefault(declaration.dag_id, declaration)
    return tuple(WantedRun(event=event, dag_id=dag_id, declaration=each) for dag_id, each in first.items())


def wanted_changes(event: Event, declarations: Iterable[Declaration]) -> tuple[WantedChange, ...]:
    """The changes of datasets that an event stands for: one of each, by the first declaration that fits."""
    first: dict[str, Declaration] = {}
    for declaration in declarations:
        if declaration.dataset is not None and declaration.filter.fits(event):
            first.setdefault(declaration.dataset, declaration)
    return tuple(WantedChange(event=event, uri=uri, declaration=each) for uri, each in first.items())


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
