"""The log groups of a stage's functions: made before them, and kept as long as somebody has decided."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.deploy.checks.log_groups import check_log_groups
from chalicelib.deploy.description.log_groups import LogGroup, log_groups
from chalicelib.deploy.provisioning.log_groups import (
    delete_log_groups,
    make_log_groups,
    standing_log_groups,
)
from chalicelib.settings import LOG_RETENTION_DAYS, SettingError, Settings
from tests.unit.deploy.aws_in_memory import Aws

NAMES = ("", "-scheduler", "-worker", "-triggerer", "-events", "-tick", "-authorizer")
GROUPS = {f"/aws/lambda/updraft-dev{name}" for name in NAMES}
WORKER = "/aws/lambda/updraft-dev-worker"
TICK = "/aws/lambda/updraft-dev-tick"


def groups(days: str = "") -> tuple[LogGroup, ...]:
    variables = {"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__AWS__LOG_RETENTION_DAYS": days}
    return log_groups(Settings.from_environ(variables))


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


@pytest.fixture
def logs(aws: Aws) -> Any:
    return aws.client("logs")


def kept(logs: Any) -> dict[str, int | None]:
    return {
        each["logGroupName"]: each.get("retentionInDays") for each in logs.describe_log_groups()["logGroups"]
    }


def wrong(wanted: tuple[LogGroup, ...], logs: Any) -> dict[str, tuple[str, ...]]:
    return {each.subject: each.problems for each in check_log_groups(wanted, logs) if not each.ok}


def test_all_seven_groups_are_made_and_kept_for_90_days(logs: Any) -> None:
    assert set(make_log_groups(groups(), logs)) == GROUPS
    assert kept(logs) == dict.fromkeys(GROUPS, 90)
    assert wrong(groups(), logs) == {}
    assert make_log_groups(groups(), logs) == []


def test_without_a_setting_what_a_team_has_set_stays_and_for_ever_is_nobodys_decision(logs: Any) -> None:
    for name, days in ((WORKER, 365), ("/aws/lambda/updraft-dev-tick", None)):
        logs.create_log_group(logGroupName=name)
        if days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    assert wrong(groups(), logs)["log group /aws/lambda/updraft-dev-tick"] == (
        "is kept for ever, not for 90 days",
    )
    make_log_groups(groups(), logs)
    assert kept(logs) == dict.fromkeys(GROUPS, 90) | {WORKER: 365}
    assert wrong(groups(), logs) == {}


@pytest.mark.parametrize(("setting", "days", "said"), [("14", 14, "for 14 days"), ("0", None, "for ever")])
def test_a_setting_goes_before_what_was_set_by_hand(
    logs: Any, setting: str, days: int | None, said: str
) -> None:
    make_log_groups(groups(), logs)
    logs.put_retention_policy(logGroupName=WORKER, retentionInDays=365)
    assert wrong(groups(setting), logs)[f"log group {WORKER}"] == (f"is kept for 365 days, not {said}",)
    make_log_groups(groups(setting), logs)
    assert kept(logs) == dict.fromkeys(GROUPS, days)


def test_a_group_that_is_gone_is_found(logs: Any) -> None:
    make_log_groups(groups(), logs)
    logs.delete_log_group(logGroupName=WORKER)
    assert wrong(groups(), logs) == {f"log group {WORKER}": ("is missing",)}


def test_losing_a_race_for_a_group_is_no_error(aws: Aws, logs: Any) -> None:
    first = groups()[0].name
    aws.refuse("CreateLogGroup", "ResourceAlreadyExistsException")
    made = make_log_groups(groups(), logs, sleep=lambda _: logs.create_log_group(logGroupName=first))
    assert set(made) == GROUPS - {first}
    assert kept(logs) == dict.fromkeys(GROUPS, 90)


def test_groups_of_a_stage_whose_name_begins_so_are_another_stages(logs: Any) -> None:
    logs.create_log_group(logGroupName="/aws/lambda/updraft-dev2-worker")
    assert standing_log_groups(groups(), logs) == {}
    delete_log_groups(groups(), logs)
    assert set(kept(logs)) == {"/aws/lambda/updraft-dev2-worker"}


def test_a_group_that_lambda_makes_anew_a_moment_later_is_deleted_too(aws: Aws, logs: Any) -> None:
    make_log_groups(groups(), logs)
    waited: list[float] = []

    def last_words(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 1:
            logs.create_log_group(logGroupName=WORKER)

    delete_log_groups(groups(), logs, sleep=last_words)

    assert kept(logs) == {}
    assert waited == [10.0, 10.0]
    delete_log_groups(groups(), logs, sleep=last_words)
    assert len(waited) == 2


@pytest.mark.parametrize("text", ["2", "-1", "1.5", "for ever"])
def test_a_time_that_cloudwatch_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"UPDRAFT__AWS__LOG_RETENTION_DAYS is .* it takes 0 .* or one of"):
        groups(text)


def test_the_times_are_cloudwatchs_own(aws: Aws) -> None:
    shape = aws.client("logs").meta.service_model.operation_model("PutRetentionPolicy").input_shape
    documented = shape.members["retentionInDays"].documentation
    assert all(str(days) in documented for days in LOG_RETENTION_DAYS)
