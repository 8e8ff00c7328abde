"""Whole runs of a scripted DAG: the usual one, and all that the timing of passes and tries allows."""

from collections.abc import Iterator, Sequence
from itertools import permutations, product

from chalicelib.domain.states import DagRunState
from tests.scripted.airflow_model.dependencies import DEPENDENCIES, Dependency
from tests.scripted.airflow_model.facts import Facts
from tests.scripted.airflow_model.passes import started, take_pass
from tests.scripted.airflow_model.tables import Key, Outcome, Tables, is_finished
from tests.scripted.airflow_model.tries import end_try, fails, meet
from tests.scripted.dags import Shape


class TooManyMoments(Exception):
    """A DAG whose orders of events cannot all be tried within the limit."""


def usual(
    shapes: Sequence[Shape], *, fail_stop: bool = False, dependencies: Sequence[Dependency] = DEPENDENCIES
) -> Outcome:
    """How a run ends where passes are much faster than tries.

    Passes go on until nothing changes; then all tries that were asked for end, in the order of the tasks,
    each of them running when another orders it to be skipped. A run that goes on for ever is given back as
    it stands.
    """
    facts = Facts(shapes, fail_stop=fail_stop)
    tables = started(facts)
    run_on(facts, tables, dependencies)
    return tables.outcome()


def run_on(facts: Facts, tables: Tables, dependencies: Sequence[Dependency] = DEPENDENCIES) -> None:
    """Let a run go on to its end in the usual way."""
    while True:
        _pass_until_nothing_changes(facts, tables, dependencies)
        tries = _open_tries(facts, tables)
        if not tries or tables.run_state is not DagRunState.RUNNING:
            return
        for key in tries:
            if key in tables.open_tries:
                end_try(facts, tables, key)


def possible(shapes: Sequence[Shape], *, fail_stop: bool = False, limit: int = 50_000) -> frozenset[Outcome]:
    """How a run can end, whenever passes are taken and in whatever order tries end.

    Airflow asks the dependencies of an instance in an order that changes from process to process: each
    order is tried. Raises ``TooManyMoments`` where more than ``limit`` moments would have to be seen.
    """
    facts = Facts(shapes, fail_stop=fail_stop)
    return ends_after(facts, started(facts), limit=limit)


def ends_after(facts: Facts, tables: Tables, *, limit: int = 50_000) -> frozenset[Outcome]:
    """How a run can end that has come as far as ``tables`` say; raises ``TooManyMoments``."""
    found: set[Outcome] = set()
    seen = 0
    for dependencies in _orders(facts):
        moments = {tables.frozen()}
        pending = [tables]
        while pending:
            before = pending.pop()
            after = {moment.frozen(): moment for moment in _next(facts, before, dependencies)}
            if not after:
                found.add(before.outcome())
            new = after.keys() - moments
            moments |= new
            pending += (after[frozen] for frozen in new)
            if seen + len(moments) > limit:
                raise TooManyMoments(f"more than {limit} moments")
        seen += len(moments)
    return frozenset(found)


def _orders(facts: Facts) -> Iterator[tuple[Dependency, ...]]:
    """The orders of dependencies that can matter."""
    if any(map(facts.is_mapped, facts.shapes)):
        return iter(permutations(DEPENDENCIES))
    return iter((DEPENDENCIES, DEPENDENCIES[::-1]))


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
    is_overwritten = fails(facts, before, key) and is_finished(before.states[key])
    for fails_in_any_case in (False, True)[: 1 + is_overwritten]:
        after = before.copy()
        fates = end_try(facts, after, key, fails_in_any_case=fails_in_any_case)
        for chosen in product(*fates.values()):
            one = after.copy()
            for other, fate in zip(fates, chosen, strict=True):
                meet(one, other, fate)
            yield one


def _pass_until_nothing_changes(facts: Facts, tables: Tables, dependencies: Sequence[Dependency]) -> None:
    before = None
    while tables != before and tables.run_state is DagRunState.RUNNING:
        before = tables.copy()
        take_pass(facts, tables, dependencies)


def _open_tries(facts: Facts, tables: Tables) -> list[Key]:
    return sorted(tables.open_tries, key=lambda key: (facts.number[key[0]], key[1]))
