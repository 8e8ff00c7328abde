"""The Python and the machine of a stage: shown, compared, and changed only by somebody who says so."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.deploy.checks.doctor import examine
from chalicelib.deploy.runtimes import (
    SUPPORT,
    is_unsupported,
    refuse_other_python,
    support_of,
    this_runtime,
    wanted_runtime,
)
from chalicelib.deploy.stages import Stage, StageError
from chalicelib.settings import SettingError, Settings
from tests.pages import page, quoted, table
from tests.unit.deploy import test_deployment as whole_life
from tests.unit.deploy.test_deployment import Life

aws, engine, life, stage = whole_life.aws, whole_life.engine, whole_life.life, whole_life.stage
"""The fixtures of a stage's life."""

EARLY = date(2026, 1, 1)
OTHER = "python3.10"


def stating(stage: Stage, runtime: str) -> Stage:
    return replace(stage, settings=replace(stage.settings, runtime=runtime))


@pytest.mark.parametrize(
    ("stated", "standing", "wanted"),
    [("", None, this_runtime()), ("", OTHER, OTHER), (OTHER, "python3.9", OTHER), (OTHER, None, OTHER)],
)
def test_a_stage_keeps_its_runtime_until_it_states_another(
    stage: Stage, stated: str, standing: str | None, wanted: str
) -> None:
    assert wanted_runtime(stating(stage, stated), standing) == wanted


@pytest.mark.parametrize("standing", [None, this_runtime()])
def test_the_stages_own_python_may_deploy(stage: Stage, standing: str | None) -> None:
    refuse_other_python(stage, standing, today=EARLY)
    refuse_other_python(stating(stage, this_runtime()), OTHER, today=EARLY)


def test_another_python_is_refused_with_both_ways_to_go_on(stage: Stage) -> None:
    with pytest.raises(StageError) as raised:
        refuse_other_python(stage, OTHER)
    assert str(raised.value) == (
        f"Stage dev runs on python3.10, so far, and this Python would make it {this_runtime()}: deploy by "
        "Python 3.10 ('rm -r .venv', 'make install PYTHON=python3.10'), or set UPDRAFT__AWS__RUNTIME in its "
        f"environment_variables to {this_runtime()}"
    )


@pytest.mark.parametrize("runtime", SUPPORT)
def test_a_runtime_that_aws_takes_no_more_is_refused_before(
    stage: Stage, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.version_info", version(runtime))
    support, day = SUPPORT[runtime], timedelta(days=1)
    refuse_other_python(stage, None, today=support.no_creation - day)
    refuse_other_python(stage, runtime, today=support.no_update - day)
    for standing, today in ((None, support.no_creation), (runtime, support.no_update)):
        with pytest.raises(StageError, match=f"AWS takes no functions of {runtime} any more"):
            refuse_other_python(stage, standing, today=today)


def test_a_python_that_lambda_does_not_have_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", version("python3.16"))
    with pytest.raises(StageError, match=r"^AWS Lambda has no python3\.16: deploy by Python 3\.11 to 3\.15$"):
        refuse_other_python(stage, None)


class version:  # noqa: N801 - stands for sys.version_info
    """What is asked of it."""

    def __init__(self, runtime: str) -> None:
        self.major, self.minor = (int(part) for part in runtime.removeprefix("python").split("."))


def test_what_is_said_of_a_runtimes_end() -> None:
    assert support_of("python3.11") == "AWS supports it until 30 June 2027"
    assert support_of("python3.99") == "AWS's end of support is not known here"
    assert not is_unsupported("python3.99")
    for runtime, support in SUPPORT.items():
        assert not is_unsupported(runtime, today=support.ends)
        assert is_unsupported(runtime, today=support.ends + timedelta(days=1))
        assert support.ends < support.no_creation < support.no_update


@pytest.mark.parametrize("runtime", SUPPORT)
def test_the_page_says_how_long_each_runtime_lasts(runtime: str) -> None:
    rows = table(page("operating"), "runtime")
    (row,) = [row for row in rows if runtime in quoted(row[0])]
    support = SUPPORT[runtime]
    days = (support.ends, support.no_creation, support.no_update)
    assert row[1:] == [f"{day.day} {day:%B %Y}" for day in days]


def test_a_setting_that_is_no_runtime_is_refused() -> None:
    with pytest.raises(SettingError, match=r"UPDRAFT__AWS__RUNTIME is '3\.11'; it takes a Python of AWS"):
        Settings.from_environ({"UPDRAFT__AWS__RUNTIME": "3.11"})


def test_a_plan_shows_the_runtime_and_what_changes_of_functions(life: Life) -> None:
    uses = f"use     {this_runtime()} on x86_64; {support_of(this_runtime())}"
    assert uses in life.plan()
    life.deploy()
    lambda_ = life.aws.client("lambda")
    lambda_.update_function_configuration(FunctionName="updraft-dev-worker", Runtime=OTHER)
    plan = life.plan()
    assert uses in plan
    assert f"update  function updraft-dev-worker: its Runtime is {OTHER}, not {this_runtime()}" in plan
    assert "update  function updraft-dev-tick" in plan


def test_a_stage_of_another_python_is_left_as_it_is(life: Life) -> None:
    life.deploy()
    life.aws.client("lambda").update_function_configuration(FunctionName="updraft-dev", Runtime=OTHER)
    with pytest.raises(StageError, match=r"^Stage dev runs on python3\.10, so far"):
        life.plan()
    wrong = life.wrong()
    assert wrong["function updraft-dev-worker"] == (f"its Runtime is {this_runtime()}, not {OTHER}",)
    assert "function updraft-dev" not in wrong


def test_the_doctor_says_how_long_the_runtime_lasts(life: Life) -> None:
    life.deploy()
    subjects = [each.subject for each in examine(life.stage, client=life.aws.client)]
    assert f"runtime {this_runtime()}; {support_of(this_runtime())}" in subjects


def test_a_stage_changes_its_machine_in_place(life: Life) -> None:
    life.deploy()
    path = life.stage.project / ".chalice" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lambda_architecture": "arm64"}))
    assert life.wrong()["function updraft-dev-tick"] == ("its architecture is x86_64, not arm64",)
    plan = life.plan()
    assert "update  function updraft-dev-worker: its architecture is x86_64, not arm64" in plan
    life.deploy()
    assert life.wrong() == {}


def test_a_machine_that_lambda_does_not_have_is_refused(life: Life) -> None:
    path = life.stage.project / ".chalice" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lambda_architecture": "aarch64"}))
    with pytest.raises(StageError, match="is 'aarch64'; it takes x86_64 or arm64"):
        life.plan()
