"""Trigger rules: what the ends of its upstreams mean for a task.

A rule is asked with *which* final states were seen and whether all upstreams have arrived; it never
needs to know how many there were. As in Airflow a state that decides is heeded at once: a failure makes an
``all_success`` task ``upstream_failed`` while other upstreams still run, a skip that is seen before makes it
``skipped``, and of both seen at the same time the failure counts (invariant I7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState

_SUCCESS, _FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
_SKIPPED, _REMOVED = TaskInstanceState.SKIPPED, TaskInstanceState.REMOVED


class TriggerRule(StrEnum):
    """Airflow 2.10's trigger rules, and one of Airflow 3 (``all_done_min_one_success``)."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ALL_SKIPPED = "all_skipped"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"

    # 1.10's names
    DUMMY = "always"
    NONE_FAILED_OR_SKIPPED = "none_failed_min_one_success"

    @property
    def waits_for_all(self) -> bool:
        """Whether a task of this rule never starts before each of its upstreams has ended."""
        return self not in _EAGER

    @property
    def heeds(self) -> "frozenset[TaskInstanceState]":
        """The states of upstreams that may decide before all of them have ended."""
        return frozenset().union(*(states for states, _ in _EARLY.get(self, ())))


FAST = frozenset({TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ONE_DONE})
"""Rules that let a task run before all of its upstreams have ended (Airflow's "fast triggered")."""

_EAGER = FAST | {TriggerRule.ALWAYS}


class Verdict(StrEnum):
    """What is to become of a task."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    UPSTREAM_FAILED = "upstream_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A verdict with the reason a person can read."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """What is known of a task's upstreams."""

    seen: frozenset[TaskInstanceState]
    """Final states that at least one upstream has."""
    complete: bool
    """Whether every upstream has ended."""
    has_upstream: bool = True
    """Whether there is anything that it waits for at all; if not, every rule lets it run."""
    lacks_upstream: bool = False
    """Whether the task waits for others too that the run has not; ``complete`` leaves them out."""
    skip_ordered: bool = False
    """Whether a task before this one orders it to be skipped (a branch, a short circuit)."""
    needed: frozenset[TaskInstanceState] = frozenset()
    """Of a teardown: how the setups among its upstreams ended. Of any other task: how those ended (as
    ``skipped``, ``failed``) that did not succeed of the setups and sources that it needs."""


def judge(rule: TriggerRule, arrived: Arrived) -> Judgement:
    """Apply a trigger rule, as Airflow 2.10's scheduler does when it sees the same of the upstreams."""
    if arrived.skip_ordered:
        return Judgement(verdict=Verdict.SKIP, reason="an upstream task chose another path")
    if rule is TriggerRule.ALWAYS or not arrived.has_upstream:
        return _judgement(rule, Verdict.RUN, arrived)
    has_all = arrived.complete and not arrived.lacks_upstream
    is_told_of_needs = has_all or rule is not TriggerRule.ALL_DONE_SETUP_SUCCESS
    if is_told_of_needs and arrived.needed and _SUCCESS not in arrived.needed:
        return _without_what_it_needs(arrived.needed)
    for states, verdict in _EARLY.get(rule, ()):
        if states & arrived.seen:
            return _judgement(rule, verdict, arrived)
    if not arrived.complete:
        return Judgement(verdict=Verdict.WAIT, reason=f"{rule} waits for upstream tasks to end")
    if arrived.lacks_upstream:
        return Judgement(verdict=Verdict.WAIT, reason=f"{rule} waits for tasks that the run has not")
    return _judgement(rule, _AT_THE_END[rule](arrived), arrived)


def _judgement(rule: TriggerRule, verdict: Verdict, arrived: Arrived) -> Judgement:
    seen = ", ".join(sorted(arrived.seen)) or "none"
    return Judgement(verdict=verdict, reason=f"{rule} with upstream states: {seen}")


def _without_what_it_needs(needed: frozenset[TaskInstanceState]) -> Judgement:
    if needed == {_SKIPPED}:
        return Judgement(verdict=Verdict.SKIP, reason="a setup or source that it needs was skipped")
    return Judgement(
        verdict=Verdict.UPSTREAM_FAILED, reason="a setup or source that it needs did not succeed"
    )


_EARLY: Mapping[TriggerRule, tuple[tuple[frozenset[TaskInstanceState], Verdict], ...]] = {
    TriggerRule.ALL_SUCCESS: (
        (FAILURE_STATES, Verdict.UPSTREAM_FAILED),
        (frozenset({_SKIPPED}), Verdict.SKIP),
    ),
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: ((frozenset({_SKIPPED}), Verdict.SKIP),),
    TriggerRule.ALL_FAILED: ((frozenset({_SUCCESS, _SKIPPED}), Verdict.SKIP),),
    TriggerRule.ALL_SKIPPED: ((FAILURE_STATES | {_SUCCESS}, Verdict.SKIP),),
    TriggerRule.ONE_SUCCESS: ((frozenset({_SUCCESS}), Verdict.RUN),),
    TriggerRule.ONE_FAILED: ((FAILURE_STATES, Verdict.RUN),),
    TriggerRule.ONE_DONE: ((frozenset({_SUCCESS, _FAILED}), Verdict.RUN),),
    TriggerRule.NONE_FAILED: ((FAILURE_STATES, Verdict.UPSTREAM_FAILED),),
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: ((FAILURE_STATES, Verdict.UPSTREAM_FAILED),),
    TriggerRule.NONE_SKIPPED: ((frozenset({_SKIPPED}), Verdict.SKIP),),
}
"""What a rule decides as soon as one of these states is seen; of several the first."""


def _unless_removed(arrived: Arrived) -> Verdict:
    """To run, unless an upstream was removed: then Airflow would wait until the run is deadlocked."""
    return Verdict.UPSTREAM_FAILED if _REMOVED in arrived.seen else Verdict.RUN


def _one_success(arrived: Arrived) -> Verdict:
    return Verdict.SKIP if arrived.seen <= {_SKIPPED} else Verdict.UPSTREAM_FAILED


def _min_one_success(arrived: Arrived) -> Verdict:
    return Verdict.SKIP if arrived.seen <= {_SKIPPED} else _unless_removed(arrived)


_AT_THE_END: Mapping[TriggerRule, Callable[[Arrived], Verdict]] = {
    TriggerRule.ALL_SUCCESS: _unless_removed,
    TriggerRule.ALL_FAILED: _unless_removed,
    TriggerRule.ALL_DONE: lambda _: Verdict.RUN,
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: (
        lambda arrived: Verdict.RUN if _SUCCESS in arrived.seen else Verdict.UPSTREAM_FAILED
    ),
    TriggerRule.ALL_DONE_SETUP_SUCCESS: lambda _: Verdict.RUN,
    TriggerRule.ALL_SKIPPED: _unless_removed,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: lambda _: Verdict.SKIP,
    TriggerRule.ONE_DONE: lambda _: Verdict.SKIP,
    TriggerRule.NONE_FAILED: _unless_removed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _min_one_success,
    TriggerRule.NONE_SKIPPED: lambda _: Verdict.RUN,
}
"""The verdict once all upstreams have ended and nothing was decided early."""
