"""Whole runs of a scripted DAG: the usual one, and all that the timing of passes and tries allows."""

from collections.abc import Iterator, Sequence
from itertools import permutations, product

from chalicelib.domain.states import DagRunState
from tests.scripted.airflow_model.dependencies import DEPENDENCIES, Dependency
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.passes import resumed, started, take_pass
from tests.scripted.airflow_model.tables import Key, Outcome, Rows, Tables, is_finished
from tests.scripted.airflow_model.tries import end_try, fails, give_up, take_back
from tests.scripted.dags import Shape


class TooManyMoments(Exception):
    """A DAG whose orders of events cannot all be tried within the limit."""


def usual(shapes: Sequence[Shape], dependencies: Sequence[Dependency] = DEPENDENCIES) -> Outcome:
    """How a run ends where passes are much faster than tries.

    Passes go on until nothing changes; then all tries that were asked for end, in the order of the tasks,
    each of them running when another orders it to be skipped. A run that goes on for ever is given back as
    it stands.
    """
    facts = Facts(shapes)
    tables = started(facts)
    while True:
        _pass_until_nothing_changes(facts, tables, dependencies)
        tries = _open_tries(facts, tables)
        if not tries or tables.run_state is not DagRunState.RUNNING:
            return tables.outcome()
        for key in tries:
            end_try(facts, tables, key)


def possible(shapes: Sequence[Shape], *, limit: int = 50_000, rows: Rows | None = None) -> frozenset[Outcome]:
    """How a run can end, whenever passes are taken and in whatever order tries end.

    ``rows`` are the task instances to begin with, where some of them have ended before. Airflow asks the dependencies of an instance in an order that changes from process to process: each
    order is tried. Raises ``TooManyMoments`` where more than ``limit`` moments would have to be seen.
    """
    facts = Facts(shapes)
    found: set[Outcome] = set()
    seen = 0
    for dependencies in _orders(facts):
        tables = started(facts) if rows is None else resumed(facts, rows)
        moments = {tables.frozen(): tables}
        pending = [tables]
        while pending:
            before = pending.pop()
            after = {moment.frozen(): moment for moment in _next(facts, before, dependencies)}
            if not after:
                found.add(before.outcome())
            new = {frozen: moment for frozen, moment in after.items() if frozen not in moments}
            moments |= new
            pending += new.values()
            if seen + len(moments) > limit:
                raise TooManyMoments(f"more than {limit} moments")
        seen += len(moments)
    return frozenset(found)


def _orders(facts: Facts) -> Iterator[tuple[Dependency, ...]]:
    """The orders of dependencies that can matter: with one upstream that ends it, an instance has one end."""
    if any(map(facts.is_mapped, facts.shapes)):
        return iter(permutations(DEPENDENCIES))
    return iter(
        [DEPENDENCIES, DEPENDENCIES[::-1]]
        if any(s.retries for s in facts.shapes.values())
        else [DEPENDENCIES]
    )


def _next(facts: Facts, before: Tables, dependencies: Sequence[Dependency]) -> Iterator[Tables]:
    """The moments that may follow: after a pass that changes something, after the end of one try."""
    if before.run_state is DagRunState.RUNNING:
        after = before.copy()
        take_pass(facts, after, dependencies)
        if after != before:
            yield after
    for key in _open_tries(facts, before):
        yield from _after_try(facts, before, key)


def _after_try(facts: Facts, before: Tables, key: Key) -> Iterator[Tables]:
    if fails(facts, before, key) and is_finished(before.states[key]):
        after = before.copy()
        end_try(facts, after, key, fails_in_any_case=True)
        yield after
    after = before.copy()
    ordered = end_try(facts, after, key)
    for fates in product(_FATES, repeat=len(ordered)):
        one = after.copy()
        for other, meet in zip(ordered, fates, strict=True):
            meet(one, other)
        yield one


def _run_on(tables: Tables, key: Key) -> None:
    """An order that passes see while the try goes on."""


_FATES = (give_up, take_back, _run_on)
"""What may become of an open try that gets an order."""


def _pass_until_nothing_changes(facts: Facts, tables: Tables, dependencies: Sequence[Dependency]) -> None:
    before = None
    while tables != before and tables.run_state is DagRunState.RUNNING:
        before = tables.copy()
        take_pass(facts, tables, dependencies)


def _open_tries(facts: Facts, tables: Tables) -> list[Key]:
    return sorted(tables.open_tries, key=lambda key: (facts.number[key[0]], key[1]))
