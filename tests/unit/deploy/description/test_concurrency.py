"""How many of each function run at once: what `.chalice/config.json` says, and what an account has."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import MOST_CONCURRENCY, SettingError, Settings

PROJECT = Path(__file__).parents[4]
STAGES: dict[str, dict[str, Any]] = json.loads((PROJECT / ".chalice" / "config.json").read_text())["stages"]

NEW_ACCOUNT, USUAL_ACCOUNT = 10, 1000
"""Functions that run at once in an account: a new one's and AWS's default quota."""

UNRESERVED = 100
"""What no reservation may take from an account (AWS Lambda, reserved concurrency)."""


def settings(stage: str) -> Settings:
    return Settings.from_environ(STAGES[stage]["environment_variables"])


def of_queues(stage: str) -> int:
    """How many functions the stage's queues may call at once, all together."""
    read = settings(stage)
    return read.parallelism + read.scheduler_concurrency + read.events_concurrency


def reserved(stage: str) -> int:
    functions: dict[str, dict[str, int]] = STAGES[stage].get("lambda_functions", {})
    return sum(options.get("reserved_concurrency", 0) for options in functions.values())


def test_dev_fits_a_new_account_and_leaves_room_for_api_authorizer_and_tick() -> None:
    assert reserved("dev") == 0, "a new account has nothing to reserve"
    assert of_queues("dev") + 2 <= NEW_ACCOUNT


def test_queues_however_full_keep_nothing_from_the_api_in_prod() -> None:
    assert reserved("prod") + of_queues("prod") <= USUAL_ACCOUNT
    assert reserved("prod") <= USUAL_ACCOUNT - UNRESERVED


@pytest.mark.parametrize(("text", "number"), [("", 32), ("0", MOST_CONCURRENCY), ("1", 2), ("400", 400)])
def test_parallelism_is_airflows_as_far_as_aws_has_it(text: str, number: int) -> None:
    assert Settings.from_environ({"AIRFLOW__CORE__PARALLELISM": text}).parallelism == number


@pytest.mark.parametrize("function", ["SCHEDULER", "EVENTS"])
@pytest.mark.parametrize("text", ["1", "1001", "many"])
def test_a_concurrency_that_aws_does_not_take_is_refused(function: str, text: str) -> None:
    name = f"UPDRAFT__{function}__MAXIMUM_CONCURRENCY"
    with pytest.raises(SettingError, match=rf"{name} is '{text}'; it takes a whole number from 2 to 1000"):
        Settings.from_environ({name: text})
