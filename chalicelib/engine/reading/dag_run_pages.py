"""Lists of DAG runs, one page at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.runs.dag_runs import DagRun
from chalicelib.domain.runs.dags import Dag, sees
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine

MOST_READ = 25_000
"""Runs that are looked at for one page: more than fit an answer, and a few of API Gateway's 29 seconds."""

_STEP = timedelta(microseconds=1)
"""Execution dates are exact to the microsecond."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a page begins."""

    execution_date: datetime
    """Of a run (UTC): the page begins behind it."""
    older: bool
    """Whether the page goes on with older runs."""

    @property
    def begins_at(self) -> datetime:
        """The nearest instant that is on the page; raises ``OverflowError`` where there is none."""
        return self.execution_date - _STEP if self.older else self.execution_date + _STEP


@dataclass(frozen=True, kw_only=True, slots=True)
class PageWanted:
    """Which runs are asked for.

    Without a position, a page with a ``limit`` begins with the oldest run, one without with the newest.
    """

    since: datetime | None = None
    """The earliest execution date, included."""
    until: datetime | None = None
    """The latest execution date, included."""
    state: DagRunState | None = None
    limit: int | None = None
    """Runs on the page."""
    position: Position | None = None

    @property
    def goes_back(self) -> bool:
        """Whether the page and those after it go from newer runs to older ones."""
        return self.position.older if self.position else self.limit is None


def read_page(
    engine: Engine, dag: Dag, wanted: PageWanted, take: Callable[[DagRun], bool]
) -> Position | None:
    """Give a page's runs to ``take``, until it answers that it has no room; where the next page begins.

    They come by execution date, descending if the page goes back. None if there are no more runs. A
    page may be short, even empty, and have a next one: where few runs of many are in the wanted state.
    1 request per MB, and only what is needed of the first one.
    """
    last: DagRun | None = None
    taken = 0
    for number, run in enumerate(_runs(engine, dag, wanted)):
        if taken == wanted.limit or number == MOST_READ:
            return _behind(last, wanted)
        if sees(dag, run) and wanted.state in (None, run.state):
            if not take(run):
                return _behind(last, wanted)
            taken += 1
        last = run
    return None


def _behind(last: DagRun | None, wanted: PageWanted) -> Position | None:
    return Position(execution_date=last.execution_date, older=wanted.goes_back) if last else None


def _runs(engine: Engine, dag: Dag, wanted: PageWanted) -> Iterator[DagRun]:
    since, until = wanted.since, wanted.until
    if wanted.position and wanted.position.older:
        until = min(until or datetime.max.replace(tzinfo=UTC), wanted.position.begins_at)
    elif wanted.position:
        since = max(since or datetime.min.replace(tzinfo=UTC), wanted.position.begins_at)
    # One run more tells whether there is a next page.
    expected = wanted.limit + 1 if wanted.limit and wanted.state is None else None
    return engine.store.dag_runs.list(
        dag.dag_id, since=since, until=until, descending=wanted.goes_back, expected=expected
    )
