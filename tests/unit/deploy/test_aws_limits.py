"""What AWS would refuse halfway is refused before anything is changed, on one line that says what to do."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chalicelib.auth.backends import BASIC_AUTH
from chalicelib.deploy import aws_limits
from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.functions import (
    HANDLERS,
    function_name,
    role_name,
    tick_rule_name,
)
from chalicelib.deploy.description.log_groups import DEFAULT_RETENTION_DAYS
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.stages import StageError, read_stage
from chalicelib.deploy.validation import validate
from chalicelib.events import limits
from chalicelib.events.declarations import parse_declarations
from chalicelib.settings import ALARMS, Settings
from chalicelib.store.memory import MemoryStore
from tests.pages import on_one_line, page, table

ALARM_TOPIC = "UPDRAFT__AWS__ALARM_TOPIC"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"

Functions = Mapping[str, Mapping[str, Any]]


class Project:
    """A checkout with a stage, dev."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / ".chalice").mkdir()
        (path / "chalicelib" / "dags").mkdir(parents=True)

    def refusal(
        self,
        variables: Mapping[str, Any] | None = None,
        functions: Functions | None = None,
        of_stage: Functions | None = None,
        region: str | None = None,
    ) -> str:
        """How the stage is refused; empty if it is not."""
        own = {
            "UPDRAFT__AWS__STAGE": "dev",
            "AIRFLOW__CORE__DAGS_FOLDER": "chalicelib/dags",
            "AIRFLOW__API__AUTH_BACKEND": BASIC_AUTH,
            **(variables or {}),
        }
        stage = {"environment_variables": own, "lambda_functions": of_stage or {}}
        config = {"lambda_functions": functions or {}, "stages": {"dev": stage}}
        (self.path / ".chalice" / "config.json").write_text(json.dumps(config))
        try:
            validate(read_stage(self.path, "dev"), MemoryStore().variables, region=region)
        except StageError as refused:
            (line,) = str(refused).splitlines()
            return line
        return ""

    def declare(self, *topics: str) -> None:
        entries = [f'[[event]]\ndag_id = "a"\nsource = "sns"\ntopic = "{topic}"\n' for topic in topics]
        (self.path / "chalicelib" / "dags" / "events.toml").write_text("".join(entries))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def measured(variables: Mapping[str, str]) -> int:
    """As Lambda measures: compact JSON, in bytes."""
    return len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())


OWN = {
    "UPDRAFT__AWS__STAGE": "dev",
    "AIRFLOW__CORE__DAGS_FOLDER": "chalicelib/dags",
    "AIRFLOW__API__AUTH_BACKEND": BASIC_AUTH,
}


@pytest.mark.parametrize("letter", ["x", "é", '"'])
def test_variables_of_4_kb_are_taken_and_a_byte_more_is_not(project: Project, letter: str) -> None:
    each = measured({"A": letter}) - measured({"A": ""})
    room = 4096 - measured({**OWN, "LONG": ""})
    exactly = letter * (room // each) + "x" * (room % each)
    assert measured({**OWN, "LONG": exactly}) == 4096
    assert project.refusal({"LONG": exactly}) == ""
    said = project.refusal({"LONG": exactly + "x"})
    assert said.startswith("Lambda takes 4096 bytes of variables, and the environment_variables of ")
    assert (
        " are 4097 as JSON, most of them LONG: keep long values with 'python -m chalicelib variables" in said
    )


def test_variables_of_one_function_count_with_those_of_the_stage(project: Project) -> None:
    worker = {"worker": {"environment_variables": {"LONG": "x" * 4000}}}
    assert project.refusal(functions=worker).startswith(
        "Lambda takes 4096 bytes of variables, and the environment_variables of worker in stage dev"
    )
    assert "of worker in stage dev" in project.refusal(of_stage=worker)
    assert project.refusal({"LONG": "short"}, functions=worker) == ""  # the stage's goes before


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AWS_REGION": "eu-west-1"}, "AWS_REGION is a name that Lambda keeps for itself: take it out of"),
        ({"_HANDLER": "x"}, "_HANDLER is a name that Lambda keeps"),
        ({"MY-NAME": "x"}, "'MY-NAME' is no name for a variable"),
        ({"X": "x"}, "'X' is no name for a variable"),
        ({"_PRIVATE": "x"}, "'_PRIVATE' is no name for a variable"),
        (
            {"AIRFLOW__CORE__PARALLELISM": 4},
            "AIRFLOW__CORE__PARALLELISM is 4 among the environment_variables",
        ),
        ({"TEAM": None}, "TEAM is null among"),
    ],
)
def test_variables_that_lambda_does_not_take_are_refused(
    project: Project, variables: Mapping[str, Any], says: str
) -> None:
    assert project.refusal(variables).startswith(says)


def test_a_number_among_the_variables_of_one_function_is_refused(project: Project) -> None:
    functions = {"worker": {"environment_variables": {"TEAM": 4}}}
    assert project.refusal(functions=functions).startswith("TEAM is 4 among the environment_variables")


@pytest.mark.parametrize(("handler", "most"), [("scheduler", 360), ("events", 360)])
def test_a_function_takes_no_longer_than_its_queue_hides_a_message(
    project: Project, handler: str, most: int
) -> None:
    fits, is_too_long = ({handler: {"lambda_timeout": seconds}} for seconds in (most, most + 1))
    assert project.refusal(functions=fits) == project.refusal(of_stage=fits) == ""
    for refusal in (project.refusal(functions=is_too_long), project.refusal(of_stage=is_too_long)):
        assert refusal == (
            f"lambda_timeout of {handler} in .chalice/config.json is {most + 1} s, and its queue gives a "
            f"message to another after {most} s, which Lambda refuses: take {most} or less"
        )
    assert project.refusal(functions={"tick": {"lambda_timeout": 900}}) == ""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"lambda_timeout": 0}, "lambda_timeout of events in .chalice/config.json is 0; it takes seconds"),
        ({"lambda_timeout": "900"}, "lambda_timeout of events in .chalice/config.json is '900'"),
        ({"lambda_timeout": True}, "lambda_timeout of events in .chalice/config.json is True"),
        ({"lambda_memory_size": 127}, "lambda_memory_size of events in .chalice/config.json is 127; Lambda"),
        ({"lambda_memory_size": 10_241}, "lambda_memory_size of events in .chalice/config.json is 10241;"),
        ({"lambda_memory_size": 512.5}, "lambda_memory_size of events in .chalice/config.json is 512.5;"),
    ],
)
def test_a_function_has_a_size_and_a_time_that_lambda_takes(
    project: Project, settings: Mapping[str, Any], says: str
) -> None:
    assert project.refusal(functions={"events": settings}).startswith(says)
    assert project.refusal(functions={"worker": {"lambda_memory_size": 10_240}}) == ""


@pytest.mark.parametrize("region", ["eu-west-1", None])
def test_topics_of_the_stages_region_are_taken(project: Project, region: str | None) -> None:
    project.declare("near", TOPIC, "arn:aws:sns:eu-west-1:210987654321:theirs")
    assert project.refusal({ALARM_TOPIC: TOPIC}, region=region) == ""


def test_topics_of_another_region_are_refused(project: Project) -> None:
    said = project.refusal({ALARM_TOPIC: TOPIC}, region="us-east-1")
    assert said.startswith(
        f"{ALARM_TOPIC}: topic {TOPIC} is in eu-west-1, and the stage in us-east-1: name one"
    )
    project.declare("near", TOPIC)
    said = project.refusal(region="us-east-1")
    assert said.startswith(
        f"events.toml, event 2 (a): topic {TOPIC} is in eu-west-1, and the stage in us-east"
    )


def test_where_no_region_is_known_topics_are_in_one(project: Project) -> None:
    project.declare(TOPIC.replace("eu-west-1", "us-east-1"))
    assert "is in us-east-1, and the stage in eu-west-1" in project.refusal({ALARM_TOPIC: TOPIC})


def test_a_queue_lets_as_many_topics_in_as_its_policy_has_room_for(project: Project) -> None:
    project.declare(*(f"a-topic-of-some-team-number-{number}" for number in range(75)))
    assert project.refusal() == ""
    project.declare(*(f"a-topic-of-some-team-number-{number}" for number in range(100)))
    assert project.refusal().startswith("100 topics are declared, which makes a queue policy of ")


@pytest.mark.parametrize("bucket", ["updraft-acme.dev", "updraft-9", "updraft-" + "x" * 55])
def test_a_bucket_that_s3_takes(project: Project, bucket: str) -> None:
    assert project.refusal({"UPDRAFT__AWS__BUCKET": bucket}) == ""


@pytest.mark.parametrize(
    "bucket",
    [
        "acme",
        "updraft-Acme",
        "updraft-a_b",
        "updraft-",
        "updraft-a..b",
        "updraft-" + "x" * 56,
        "updraft-s3alias",
    ],
)
def test_a_bucket_that_s3_or_the_policies_do_not_take_is_refused(project: Project, bucket: str) -> None:
    assert project.refusal({"UPDRAFT__AWS__BUCKET": bucket}).startswith(
        f"UPDRAFT__AWS__BUCKET is {bucket!r}; "
    )


def test_the_shipped_stages_are_taken() -> None:
    root = Path(__file__).parents[3]
    for name in ("dev", "prod"):
        validate(read_stage(root, name), MemoryStore().variables, region="eu-west-1")


def test_all_names_of_the_stage_with_the_longest_name_are_short_enough() -> None:
    stage = "x" * 20
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": stage, "UPDRAFT__AWS__ALARMS": ",".join(ALARMS)})
    resources = stage_resources(settings)
    shop = '[[event]]\ndag_id = "a"\nsource = "eventbridge"\npattern = { source = ["a"] }\n'
    rules = [rule.name for rule in event_sources(settings, parse_declarations(shop)).rules]
    assert max(len(name) for name in (*rules, tick_rule_name(stage))) <= 64
    assert max(len(each(stage, handler)) for each in (function_name, role_name) for handler in HANDLERS) <= 64
    assert max(len(queue.dead_letters) for queue in resources.queues) <= 80
    assert len(resources.bucket.name) <= 63
    alarms = [*(alarm.name for alarm in resources.alarms), *resources.unwanted_alarms]
    assert max(map(len, alarms)) <= 255
    assert max(len(alarm.description) for alarm in resources.alarms) <= 1024
    with pytest.raises(StageError, match="is no name for a stage: up to 20 of"):
        read_stage_named("x" * 21)


def read_stage_named(name: str) -> None:
    with TemporaryDirectory() as directory:
        (Path(directory) / ".chalice").mkdir()
        config = {"stages": {name: {"environment_variables": {"UPDRAFT__AWS__STAGE": name}}}}
        (Path(directory) / ".chalice" / "config.json").write_text(json.dumps(config))
        read_stage(Path(directory), name)


def test_the_page_says_the_limits(project: Project) -> None:
    project.refusal()
    queues = {
        queue.name.removeprefix("updraft-dev-"): queue.visibility_timeout_s
        for queue in stage_resources(read_stage(project.path, "dev").settings).queues
    }
    assert queues["scheduling"] == queues["events"]
    rules, filters = limits.OF_RULES, limits.OF_FILTERS
    said = [row[0] for row in table(page("limits"), "limit", "of what")]
    for limit in (
        f"{aws_limits.MOST_ENVIRONMENT_BYTES:,} bytes",
        f"{queues['events']} s for `scheduler` and `events`",
        f"{aws_limits.LEAST_MEMORY_MB} to {aws_limits.MOST_MEMORY_MB:,} MB",
        f"{limits.MOST_PATTERN_CHARACTERS:,} characters",
        f"-{rules.most:,} to {rules.most:,}, {rules.decimals} decimals",
        f"{limits.MOST_FILTER_KEYS} keys, {limits.MOST_FILTER_COMBINATIONS} combinations of values, "
        f"{limits.MOST_FILTER_BYTES // 1024} kB",
        f"-{filters.most:,} to {filters.most:,}, {filters.decimals} decimals",
        f"{aws_limits.MOST_QUEUE_POLICY_BYTES:,} bytes",
    ):
        assert limit in said


def test_the_pages_say_for_how_long_logs_are_kept() -> None:
    assert f"Unset: {DEFAULT_RETENTION_DAYS}, unless it was set for a log group by hand" in page("settings")
    assert f"logs of the seven functions for {DEFAULT_RETENTION_DAYS} days" in on_one_line(page("operating"))
