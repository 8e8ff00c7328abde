"""Trigger rules: what the ends of its upstreams mean for a task.

A rule is asked with *which* final states were seen and whether all upstreams have arrived; it never
needs to know how many there were. Rules that need all upstreams answer only then, so that the order in
which parallel tasks finish changes no answer: invariant I7. (Airflow may say ``upstream_failed`` a little
earlier; the final states are the same.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.states import FAILURE_STATES, TaskInstanceState

_SUCCESS, _FAILED = TaskInstanceState.SUCCESS, TaskInstanceState.FAILED
_SKIPPED, _REMOVED = TaskInstanceState.SKIPPED, TaskInstanceState.REMOVED


class TriggerRule(StrEnum):
    """Airflow 2.10's trigger rules."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
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
        """Whether a task of this rule never ends before each of its upstreams has ended."""
        return self not in _EAGER


_EAGER = frozenset(
    {TriggerRule.ONE_SUCCESS, TriggerRule.ONE_FAILED, TriggerRule.ONE_DONE, TriggerRule.ALWAYS}
)


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
    settled: bool = True
    """Whether every task has ended that might order this one to be skipped (a branch, a short circuit)."""
    skip_ordered: bool = False
    """Whether one of these orders it."""
    skip_came_first: bool = False
    """Whether each failure among the upstreams comes after a skip among them, whatever the order of
    parallel tasks."""
    setups: frozenset[TaskInstanceState] = frozenset()
    """Of a teardown: how the setups among its upstreams ended. Of any other task: how setups ended that it
    needs, comes after indirectly, and that did not succeed (as ``success``, ``skipped``, ``failed``)."""
    lacks_upstream: bool = False
    """Whether the task waits for others too that the run has not; ``complete`` leaves them out."""


def judge(rule: TriggerRule, arrived: Arrived) -> Judgement:
    """Apply a trigger rule, as Airflow 2.10 does once it knows the same of the upstreams."""
    judgement = _judge(rule, arrived)
    if arrived.lacks_upstream and not arrived.skip_ordered and judgement.verdict not in _UNCOUNTED[rule]:
        return Judgement(verdict=Verdict.WAIT, reason=f"{rule} waits for tasks that the run has not")
    return judgement


def _judge(rule: TriggerRule, arrived: Arrived) -> Judgement:
    if rule is TriggerRule.ALWAYS:
        return _judgement(rule, Verdict.RUN, arrived)
    if not (arrived.settled if rule in _EAGER else arrived.complete):
        return Judgement(verdict=Verdict.WAIT, reason=f"{rule} waits for upstream tasks to end")
    if arrived.skip_ordered:
        return Judgement(verdict=Verdict.SKIP, reason="an upstream task chose another path")
    if arrived.setups and _SUCCESS not in arrived.setups:
        return _without_setup(arrived.setups)
    if rule in _EARLY and _EARLY[rule] & arrived.seen:
        return _judgement(rule, Verdict.RUN, arrived)
    if not arrived.complete:
        return Judgement(verdict=Verdict.WAIT, reason=f"{rule} waits for upstream tasks to end")
    return _judgement(rule, _AT_THE_END[rule](arrived), arrived)


def _judgement(rule: TriggerRule, verdict: Verdict, arrived: Arrived) -> Judgement:
    seen = ", ".join(sorted(arrived.seen)) or "none"
    return Judgement(verdict=verdict, reason=f"{rule} with upstream states: {seen}")


def _without_setup(setups: frozenset[TaskInstanceState]) -> Judgement:
    if setups == {_SKIPPED}:
        return Judgement(verdict=Verdict.SKIP, reason="its setup was skipped")
    return Judgement(verdict=Verdict.UPSTREAM_FAILED, reason="its setup did not succeed")


_EARLY: dict[TriggerRule, frozenset[TaskInstanceState]] = {
    TriggerRule.ONE_SUCCESS: frozenset({_SUCCESS}),
    TriggerRule.ONE_FAILED: FAILURE_STATES,
    TriggerRule.ONE_DONE: frozenset({_SUCCESS, _FAILED}),
}
"""Rules that are met as soon as one of these states is seen."""


def _all_success(arrived: Arrived) -> Verdict:
    # Airflow decides at the first failure or skip that it sees.
    if arrived.seen & FAILURE_STATES and not arrived.skip_came_first:
        return Verdict.UPSTREAM_FAILED
    if _SKIPPED in arrived.seen:
        return Verdict.SKIP
    return _unless_removed(arrived, Verdict.RUN)


def _all_failed(arrived: Arrived) -> Verdict:
    if arrived.seen & {_SUCCESS, _SKIPPED}:
        return Verdict.SKIP
    return _unless_removed(arrived, Verdict.RUN)


def _all_skipped(arrived: Arrived) -> Verdict:
    if arrived.seen & (FAILURE_STATES | {_SUCCESS}):
        return Verdict.SKIP
    return _unless_removed(arrived, Verdict.RUN)


def _one_success(arrived: Arrived) -> Verdict:
    return Verdict.SKIP if arrived.seen == {_SKIPPED} else Verdict.UPSTREAM_FAILED


def _none_failed(arrived: Arrived) -> Verdict:
    return Verdict.UPSTREAM_FAILED if arrived.seen & FAILURE_STATES else _unless_removed(arrived, Verdict.RUN)


def _none_failed_min_one_success(arrived: Arrived) -> Verdict:
    if arrived.seen & FAILURE_STATES:
        return Verdict.UPSTREAM_FAILED
    return _unless_removed(arrived, Verdict.SKIP if arrived.seen == {_SKIPPED} else Verdict.RUN)


def _unless_removed(arrived: Arrived, verdict: Verdict) -> Verdict:
    """The verdict, unless an upstream was removed: then Airflow would wait until the run is deadlocked."""
    return Verdict.UPSTREAM_FAILED if _REMOVED in arrived.seen else verdict


_AT_THE_END: dict[TriggerRule, Callable[[Arrived], Verdict]] = {
    TriggerRule.ALL_SUCCESS: _all_success,
    TriggerRule.ALL_FAILED: _all_failed,
    TriggerRule.ALL_DONE: lambda _: Verdict.RUN,
    TriggerRule.ALL_DONE_SETUP_SUCCESS: lambda _: Verdict.RUN,
    TriggerRule.ALL_SKIPPED: _all_skipped,
    TriggerRule.ONE_SUCCESS: _one_success,
    TriggerRule.ONE_FAILED: lambda _: Verdict.SKIP,
    TriggerRule.ONE_DONE: lambda _: Verdict.SKIP,
    TriggerRule.NONE_FAILED: _none_failed,
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: _none_failed_min_one_success,
    TriggerRule.NONE_SKIPPED: lambda arrived: Verdict.SKIP if _SKIPPED in arrived.seen else Verdict.RUN,
}
"""The verdict once all upstreams have ended and no early rule was met."""


_UNCOUNTED: dict[TriggerRule, frozenset[Verdict]] = {
    TriggerRule.ALL_SUCCESS: frozenset({Verdict.SKIP, Verdict.UPSTREAM_FAILED}),
    TriggerRule.ALL_FAILED: frozenset({Verdict.SKIP}),
    TriggerRule.ALL_DONE: frozenset(),
    TriggerRule.ALL_DONE_SETUP_SUCCESS: frozenset(),
    TriggerRule.ALL_SKIPPED: frozenset({Verdict.SKIP}),
    TriggerRule.ONE_SUCCESS: frozenset({Verdict.RUN}),
    TriggerRule.ONE_FAILED: frozenset({Verdict.RUN}),
    TriggerRule.ONE_DONE: frozenset({Verdict.RUN}),
    TriggerRule.NONE_FAILED: frozenset({Verdict.UPSTREAM_FAILED}),
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: frozenset({Verdict.UPSTREAM_FAILED}),
    TriggerRule.NONE_SKIPPED: frozenset({Verdict.SKIP}),
    TriggerRule.ALWAYS: frozenset({Verdict.RUN}),
}
"""The verdicts that Airflow comes to without knowing that every upstream has ended."""
