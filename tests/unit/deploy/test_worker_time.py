"""The worker's time: one setting, what follows from it, and what is done where AWS gives less."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.config import Config

from chalicelib.deploy.chalice.project import chalice_project
from chalicelib.deploy.checks.doctor import examine
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.provisioning.before_chalice import create_missing
from chalicelib.deploy.stages import Stage, StageError, read_stage
from chalicelib.deploy.validation import validate
from chalicelib.deploy.worker_time import ask_for_more, during_deployment, set_by_chalice
from chalicelib.settings import SettingError, Settings
from chalicelib.store.memory import MemoryStore
from tests.unit.deploy import test_deployment as whole_life
from tests.unit.deploy.test_deployment import Life

aws, engine, life, stage = whole_life.aws, whole_life.engine, whole_life.life, whole_life.stage
"""The fixtures of a stage's life."""

WORKER = "updraft-dev-worker"


def ask_for(life: Life, seconds: int) -> None:
    """Set the stage's worker's time, as somebody does in `.chalice/config.json`."""
    path = life.stage.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"]["UPDRAFT__WORKER__TIMEOUT"] = str(seconds)
    path.write_text(json.dumps(config))
    life.stage = read_stage(life.stage.project, "dev")
    life.chalice.variables = dict(life.stage.variables)


def stands(life: Life) -> tuple[int, int, int]:
    """The function's timeout, its queue's visibility timeout, and when its oldest message is an alarm."""
    sqs, cloudwatch = life.aws.client("sqs"), life.aws.client("cloudwatch")
    function = life.aws.client("lambda").get_function_configuration(FunctionName=WORKER)
    url = sqs.get_queue_url(QueueName="updraft-dev-tasks")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["updraft-dev-tasks-oldest-message"])["MetricAlarms"]
    return function["Timeout"], int(queue["VisibilityTimeout"]), int(alarm["Threshold"])


def said_of_time(life: Life) -> list[str]:
    return [
        each.subject
        for each in examine(life.stage, client=life.aws.client)
        if each.subject.startswith("time of a try")
    ]


def refusals(life: Life) -> list[str]:
    return [line for line in life.said if "AWS refused the worker" in line]


@pytest.mark.parametrize("seconds", [600, 900, 1200, 1800])
def test_all_that_follows_from_the_workers_time_follows(life: Life, seconds: int) -> None:
    ask_for(life, seconds)
    life.deploy()
    assert stands(life) == (seconds, seconds + 60, 900 + seconds + 60)
    assert life.wrong() == {}
    assert said_of_time(life) == [f"time of a try: {seconds} s"]
    assert refusals(life) == []


def test_where_aws_refuses_more_the_stage_has_900_seconds_and_says_so(life: Life) -> None:
    life.aws.longest_timeout = 900
    for _ in range(2):
        life.said.clear()
        life.deploy()
        assert stands(life) == (900, 960, 1860)
        (line,) = refusals(life)
        assert line.startswith(
            "  AWS refused the worker the 1800 s of UPDRAFT__WORKER__TIMEOUT: it has 900 s, and its queue "
            "fits. Deploy again to ask again, or set 900. AWS says: 1 validation error detected"
        )
        assert "\n" not in line
        assert life.wrong() == {}, "the doctor has nothing to do about it"
        assert said_of_time(life) == [
            "time of a try: 900 s; of the 1800 s asked for AWS gave no more, or was not asked yet"
        ]
        plan = life.plan()
        assert "ask     1800 s for a try; 900 s stand" in plan
        assert not [line for line in plan if line.startswith("change")]


def test_a_stage_has_its_time_as_soon_as_aws_gives_it(life: Life) -> None:
    life.aws.longest_timeout = 900
    life.deploy()
    life.aws.longest_timeout = 1800
    life.said.clear()
    life.deploy()
    assert stands(life) == (1800, 1860, 2760)
    assert refusals(life) == []


def test_a_refused_stage_that_asks_for_what_it_has_asks_no_more(life: Life) -> None:
    life.aws.longest_timeout = 900
    life.deploy()
    ask_for(life, 900)
    life.said.clear()
    life.deploy()
    assert refusals(life) == []
    assert said_of_time(life) == ["time of a try: 900 s"]


def timeouts_set(life: Life) -> list[int]:
    """What timeouts the worker is given from here on, one after the other."""
    seen: list[int] = []
    lambda_: Any = life.aws.client("lambda")
    update = lambda_.update_function_configuration

    def noted(**settings: Any) -> Any:
        if settings["FunctionName"] == WORKER and "Timeout" in settings:
            seen.append(settings["Timeout"])
        return update(**settings)

    lambda_.update_function_configuration = noted
    return seen


def test_a_deployment_takes_no_time_from_tasks_that_begin_meanwhile(life: Life) -> None:
    life.deploy()
    given = timeouts_set(life)
    life.deploy()
    assert set(given) == {1800}


def test_a_stage_that_asks_for_less_gets_less_and_its_queue_last(life: Life) -> None:
    life.deploy()
    ask_for(life, 600)
    assert "ask     600 s for a try" in life.plan()
    life.deploy()
    assert stands(life) == (600, 660, 1560)
    assert life.wrong() == {}


@pytest.mark.parametrize(
    ("wanted", "standing", "chalice", "meanwhile"),
    [
        (1800, None, 900, 900),  # the first deployment
        (1800, 900, 900, 900),
        (1800, 1800, 1800, 1800),
        (1200, 1800, 1200, 1800),
        (600, 1800, 600, 1800),
        (600, None, 600, 600),
        (600, 900, 600, 900),
    ],
)
def test_chalice_sets_more_than_aws_gives_everywhere_only_where_it_has_given_more(
    wanted: int, standing: int | None, chalice: int, meanwhile: int
) -> None:
    settings = Settings.from_environ({"UPDRAFT__WORKER__TIMEOUT": str(wanted)})
    assert set_by_chalice(wanted, standing) == chalice
    assert during_deployment(settings, standing).worker_timeout == meanwhile


class SlowToKnow:
    """Lambda, which hears of a queue's new attribute a while later."""

    def __init__(self, refusals: int, code: str = "InvalidParameterValueException") -> None:
        self.refusals = refusals
        self.timeout = 900
        self._code = code

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803 - AWS's name
        assert FunctionName == WORKER
        return {"Timeout": self.timeout}

    def update_function_configuration(self, *, FunctionName: str, Timeout: int) -> None:  # noqa: N803
        assert FunctionName == WORKER
        if self.refusals:
            self.refusals -= 1
            said = "Queue visibility timeout: 960 seconds is less than Function timeout: 1800 seconds"
            raise ClientError({"Error": {"Code": self._code, "Message": said}}, "UpdateFunctionConfiguration")
        self.timeout = Timeout


@pytest.mark.parametrize("code", ["InvalidParameterValueException", "ResourceConflictException"])
def test_a_refusal_that_passes_is_waited_for(life: Life, code: str) -> None:
    create_missing(stage_resources(life.stage.settings), client=life.aws.client)
    lambda_ = SlowToKnow(refusals=20, code=code)
    slept: list[float] = []
    refused = ask_for_more(
        life.stage.settings,
        client=lambda service: lambda_ if service == "lambda" else life.aws.client(service),
        sleep=slept.append,
    )
    assert (refused, lambda_.timeout, len(slept)) == (None, 1800, 20)


def test_another_error_is_no_refusal_of_the_time(life: Life) -> None:
    create_missing(stage_resources(life.stage.settings), client=life.aws.client)
    lambda_ = SlowToKnow(refusals=99, code="AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        ask_for_more(
            life.stage.settings,
            client=lambda service: lambda_ if service == "lambda" else life.aws.client(service),
            sleep=lambda _: None,
        )


def test_a_time_beside_the_setting_is_refused_before_anything_is_changed(life: Life) -> None:
    life.configure("worker", lambda_timeout=900)
    with pytest.raises(StageError, match=r"lambda_timeout of the worker .* has no effect: .*WORKER__TIMEOUT"):
        validate(life.stage, MemoryStore().variables)


@pytest.mark.parametrize("seconds", ["0", "29", "1801", "15 min"])
def test_a_time_that_lambda_does_not_give_is_refused(seconds: str) -> None:
    with pytest.raises(SettingError, match="it takes a whole number from 30 to 1800"):
        Settings.from_environ({"UPDRAFT__WORKER__TIMEOUT": seconds})


def test_chalice_finds_the_project_with_the_time_that_it_is_to_set(stage: Stage) -> None:
    (stage.project / "app.py").write_text("app = 1\n")
    (stage.project / ".env").write_text("SECRET=1\n")
    policies = {"worker": {"Statement": ["filled in"]}}
    with chalice_project(stage, worker_timeout=900, policies=policies) as project:
        config = Config(
            chalice_stage="dev",
            function_name="worker",
            config_from_disk=json.loads((project / ".chalice" / "config.json").read_text()),
        )
        assert config.lambda_timeout == 900
        policy = project / ".chalice" / config.iam_policy_file
        assert json.loads(policy.read_text()) == policies["worker"]
        assert {path.name for path in project.iterdir()} == {".chalice", "app.py", "chalicelib"}
        assert (project / ".chalice" / "policy-worker.json").read_text()
        (project / ".chalice" / "deployed" / "dev.json").write_text("{}")
        (project / ".chalice" / "deployments" / "package.zip").write_bytes(b"zip")
    assert not project.exists()
    assert read(stage, "deployed/dev.json") == "{}"
    assert read(stage, "deployments/package.zip") == "zip"
    assert "lambda_timeout" not in read(stage, "config.json")
    assert "filled in" not in read(stage, "policy-worker.json")


def read(stage: Stage, name: str) -> str:
    return (stage.project / ".chalice" / name).read_text()


def test_a_stage_with_functions_of_its_own_keeps_their_other_settings(stage: Stage) -> None:
    path = stage.project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["lambda_functions"] = {"worker": {"lambda_memory_size": 2048}}
    path.write_text(json.dumps(config))
    with chalice_project(stage, worker_timeout=1800, policies={}) as project:
        functions = json.loads((project / ".chalice" / "config.json").read_text())["stages"]["dev"]
    assert functions["lambda_functions"]["worker"] == {"lambda_memory_size": 2048, "lambda_timeout": 1800}
