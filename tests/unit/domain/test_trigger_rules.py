"""Each trigger rule as a truth table: upstream states on the left, Airflow 2.10.5's verdict on the right.

The tables were asked of Airflow's own ``TriggerRuleDep``: each rule over every multiset of up to three
upstream states. ``-`` is an upstream that has not ended. Small letters are setups.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from chalicelib.domain.graph.trigger_rules import Arrived, TriggerRule, Verdict, judge
from chalicelib.domain.states import TaskInstanceState

RECORDED = json.loads((Path(__file__).parents[2] / "contract" / "trigger_rules.json").read_text())

STATES = {
    "S": TaskInstanceState.SUCCESS,
    "F": TaskInstanceState.FAILED,
    "U": TaskInstanceState.UPSTREAM_FAILED,
    "K": TaskInstanceState.SKIPPED,
    "R": TaskInstanceState.REMOVED,
}
OF_AIRFLOW_2 = [rule for rule in TriggerRule if rule in RECORDED["rules"]]
RUN, SKIP, FAIL, WAIT = Verdict.RUN, Verdict.SKIP, Verdict.UPSTREAM_FAILED, Verdict.WAIT


def seen(letters: str) -> frozenset[TaskInstanceState]:
    return frozenset(STATES[letter] for letter in letters.upper() if letter != "-")


def setups(letters: str) -> frozenset[TaskInstanceState]:
    """How setups ended, as a teardown is told of them."""
    kinds = {"s": TaskInstanceState.SUCCESS, "k": TaskInstanceState.SKIPPED}
    return frozenset(kinds.get(letter, TaskInstanceState.FAILED) for letter in letters if letter.islower())


def verdicts(rule: TriggerRule, table: Mapping[str, str], arrived: Mapping[str, Arrived]) -> dict[str, str]:
    return {letters: judge(rule, arrived[letters]).verdict for letters in table}


@pytest.mark.parametrize("rule", OF_AIRFLOW_2)
def test_a_rule_with_all_upstreams_ended_says_what_airflow_says(rule: TriggerRule) -> None:
    table = {letters: said for letters, said in RECORDED["rules"][rule].items() if "-" not in letters}
    arrived = {letters: Arrived(seen=seen(letters), complete=True) for letters in table}
    # Where Airflow would wait until the run is deadlocked (and fails), the task is given up.
    assert all("R" in letters for letters, said in table.items() if said == WAIT)
    expected = {letters: FAIL if said == WAIT else said for letters, said in table.items()}
    assert verdicts(rule, table, arrived) == expected


@pytest.mark.parametrize("rule", OF_AIRFLOW_2)
def test_a_rule_decides_as_early_as_airflow_does(rule: TriggerRule) -> None:
    table = {letters: said for letters, said in RECORDED["rules"][rule].items() if "-" in letters}
    arrived = {letters: Arrived(seen=seen(letters), complete=False) for letters in table}
    assert verdicts(rule, table, arrived) == table


@pytest.mark.parametrize(
    ("letters", "verdict"),
    [
        *(("S", RUN), ("SF", RUN), ("SU", RUN), ("F", FAIL), ("U", FAIL), ("FU", FAIL)),
        *(("K", SKIP), ("SK", SKIP), ("FK", SKIP), ("SFK", SKIP), ("K-", SKIP), ("S-", WAIT), ("F-", WAIT)),
    ],
)
def test_a_rule_of_airflow_3_wants_one_success_and_no_skip(letters: str, verdict: Verdict) -> None:
    arrived = Arrived(seen=seen(letters), complete="-" not in letters)
    assert judge(TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, arrived).verdict is verdict


@pytest.mark.parametrize("rule", TriggerRule)
def test_the_states_that_a_rule_heeds_are_those_that_decide_early(rule: TriggerRule) -> None:
    deciding = {
        state
        for state in TaskInstanceState
        if judge(rule, Arrived(seen=frozenset({state}), complete=False)).verdict is not WAIT
    }
    assert rule.heeds == (set() if rule is TriggerRule.ALWAYS else deciding)


@pytest.mark.parametrize("rule", TriggerRule)
def test_without_upstreams_every_rule_lets_a_task_run(rule: TriggerRule) -> None:
    assert judge(rule, Arrived(seen=frozenset(), complete=True, has_upstream=False)).verdict is RUN


def test_a_teardown_goes_by_its_setups() -> None:
    table = RECORDED["teardown_with_setups"]
    arrived = {
        letters: Arrived(seen=seen(letters), complete=True, needed=setups(letters)) for letters in table
    }
    assert verdicts(TriggerRule.ALL_DONE_SETUP_SUCCESS, table, arrived) == table


@pytest.mark.parametrize("rule", sorted(RECORDED["indirect_setups"]))
def test_a_task_that_needs_a_setup_ends_with_it_whatever_its_rule(rule: str) -> None:
    table = RECORDED["indirect_setups"][rule]
    arrived = {}
    for letters in table:
        direct, needed = letters.split()
        unmet = setups(needed.lower()) - {TaskInstanceState.SUCCESS}
        arrived[letters] = Arrived(seen=seen(direct), complete=True, needed=unmet)
    assert verdicts(TriggerRule(rule), table, arrived) == table


def test_a_task_ends_with_a_setup_that_it_needs_before_its_upstreams_have_ended() -> None:
    arrived = Arrived(seen=seen("S"), complete=False, needed=seen("F"))
    assert judge(TriggerRule.ONE_SUCCESS, arrived).verdict is FAIL
    assert judge(TriggerRule.ALL_DONE, arrived).verdict is FAIL


def test_a_teardown_waits_for_all_of_its_upstreams() -> None:
    arrived = Arrived(seen=seen("S"), complete=False, needed=seen("F"))
    assert judge(TriggerRule.ALL_DONE_SETUP_SUCCESS, arrived).verdict is WAIT


@pytest.mark.parametrize(
    ("letters", "reason"),
    [
        ("K", "a setup or source that it needs was skipped"),
        ("F", "a setup or source that it needs did not succeed"),
        ("FK", "a setup or source that it needs did not succeed"),
    ],
)
def test_the_reason_names_what_is_needed(letters: str, reason: str) -> None:
    arrived = Arrived(seen=seen("S"), complete=True, needed=seen(letters))
    assert judge(TriggerRule.ALL_DONE, arrived).reason == reason


@pytest.mark.parametrize("rule", TriggerRule)
@pytest.mark.parametrize("complete", [False, True])
def test_what_a_branch_did_not_choose_is_skipped_whatever_its_rule(rule: TriggerRule, complete: bool) -> None:
    arrived = Arrived(seen=seen("S"), complete=complete, skip_ordered=True, needed=seen("F"))
    judgement = judge(rule, arrived)
    assert judgement.verdict is SKIP
    assert judgement.reason == "an upstream task chose another path"


def test_of_a_failure_and_a_skip_seen_at_the_same_time_the_failure_counts() -> None:
    assert judge(TriggerRule.ALL_SUCCESS, Arrived(seen=seen("UK"), complete=False)).verdict is FAIL
    assert judge(TriggerRule.ALL_SUCCESS, Arrived(seen=seen("K"), complete=False)).verdict is SKIP


def test_a_removed_upstream_is_no_success() -> None:
    arrived = Arrived(seen=frozenset({TaskInstanceState.REMOVED}), complete=True)
    assert judge(TriggerRule.ALL_SUCCESS, arrived).verdict is FAIL
    assert judge(TriggerRule.ALL_DONE, arrived).verdict is RUN


def test_the_reason_names_the_rule_and_what_it_saw() -> None:
    arrived = Arrived(seen=seen("SF"), complete=True)
    reason = judge(TriggerRule.ALL_SUCCESS, arrived).reason
    assert reason == "all_success with upstream states: failed, success"
