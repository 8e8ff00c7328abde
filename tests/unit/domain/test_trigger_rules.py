"""Each trigger rule as a truth table: upstream states on the left, Airflow 2.10's verdict on the right."""

import pytest

from chalicelib.domain.states import TaskInstanceState
from chalicelib.domain.trigger_rules import Arrived, TriggerRule, Verdict, judge

STATES = {
    "S": TaskInstanceState.SUCCESS,
    "F": TaskInstanceState.FAILED,
    "U": TaskInstanceState.UPSTREAM_FAILED,
    "K": TaskInstanceState.SKIPPED,
}
RUN, SKIP, FAIL, WAIT = Verdict.RUN, Verdict.SKIP, Verdict.UPSTREAM_FAILED, Verdict.WAIT

COLUMNS = ["S", "F", "U", "K", "SF", "SU", "SK", "FK", "UK", "SFK"]
TABLE: dict[str, list[Verdict]] = {
    "all_success": [RUN, FAIL, FAIL, SKIP, FAIL, FAIL, SKIP, FAIL, FAIL, FAIL],
    "all_failed": [SKIP, RUN, RUN, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP],
    "all_done": [RUN] * 10,
    "all_skipped": [SKIP, SKIP, SKIP, RUN, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP],
    "one_success": [RUN, FAIL, FAIL, SKIP, RUN, RUN, RUN, FAIL, FAIL, RUN],
    "one_failed": [SKIP, RUN, RUN, SKIP, RUN, RUN, SKIP, RUN, RUN, RUN],
    "one_done": [RUN, RUN, SKIP, SKIP, RUN, RUN, RUN, RUN, SKIP, RUN],
    "none_failed": [RUN, FAIL, FAIL, RUN, FAIL, FAIL, RUN, FAIL, FAIL, FAIL],
    "none_failed_min_one_success": [RUN, FAIL, FAIL, SKIP, FAIL, FAIL, RUN, FAIL, FAIL, FAIL],
    "none_skipped": [RUN, RUN, RUN, SKIP, RUN, RUN, SKIP, SKIP, SKIP, SKIP],
    "always": [RUN] * 10,
}


def seen(letters: str) -> frozenset[TaskInstanceState]:
    return frozenset(STATES[letter] for letter in letters)


@pytest.mark.parametrize(
    ("rule", "letters", "verdict"),
    [(rule, letters, row[n]) for rule, row in TABLE.items() for n, letters in enumerate(COLUMNS)],
)
def test_a_rule_with_all_upstreams_ended(rule: str, letters: str, verdict: Verdict) -> None:
    assert judge(TriggerRule(rule), Arrived(seen=seen(letters), complete=True)).verdict is verdict


@pytest.mark.parametrize("rule", [rule for rule in TriggerRule if rule.waits_for_all])
@pytest.mark.parametrize("letters", ["", "S", "F", "U", "K", "SFK"])
def test_a_rule_that_needs_all_upstreams_says_nothing_before(rule: TriggerRule, letters: str) -> None:
    assert judge(rule, Arrived(seen=seen(letters), complete=False)).verdict is WAIT


@pytest.mark.parametrize(
    ("rule", "letters", "verdict"),
    [
        ("one_success", "S", RUN),
        ("one_success", "FK", WAIT),
        ("one_failed", "F", RUN),
        ("one_failed", "U", RUN),
        ("one_failed", "SK", WAIT),
        ("one_done", "S", RUN),
        ("one_done", "F", RUN),
        ("one_done", "UK", WAIT),
        ("always", "", RUN),
    ],
)
def test_a_rule_that_needs_one_upstream_does_not_wait_for_the_rest(
    rule: str, letters: str, verdict: Verdict
) -> None:
    assert judge(TriggerRule(rule), Arrived(seen=seen(letters), complete=False)).verdict is verdict


def test_nothing_starts_early_while_a_branch_may_still_skip_it() -> None:
    arrived = Arrived(seen=seen("S"), complete=False, settled=False)
    assert judge(TriggerRule.ONE_SUCCESS, arrived).verdict is WAIT


@pytest.mark.parametrize("rule", [rule for rule in TriggerRule if rule is not TriggerRule.ALWAYS])
def test_what_a_branch_did_not_choose_is_skipped_whatever_its_rule(rule: TriggerRule) -> None:
    arrived = Arrived(seen=seen("S"), complete=True, skip_ordered=True)
    judgement = judge(rule, arrived)
    assert judgement.verdict is SKIP
    assert judgement.reason == "an upstream task chose another path"


def test_a_skip_that_caused_the_failure_counts_first() -> None:
    arrived = Arrived(seen=seen("UK"), complete=True, skip_came_first=True)
    assert judge(TriggerRule.ALL_SUCCESS, arrived).verdict is SKIP


def test_a_removed_upstream_is_no_success() -> None:
    arrived = Arrived(seen=frozenset({TaskInstanceState.REMOVED}), complete=True)
    assert judge(TriggerRule.ALL_SUCCESS, arrived).verdict is FAIL
    assert judge(TriggerRule.ALL_DONE, arrived).verdict is RUN


def test_the_reason_names_the_rule_and_what_it_saw() -> None:
    arrived = Arrived(seen=seen("SF"), complete=True)
    reason = judge(TriggerRule.ALL_SUCCESS, arrived).reason
    assert reason == "all_success with upstream states: failed, success"
