"""The user packages of a stage, really installed by pip for its functions and made into a layer."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from chalicelib.deploy.packaging.layer import build_layer
from chalicelib.deploy.packaging.stage_packages import packages_of
from chalicelib.deploy.stages import Stage
from chalicelib.settings import Settings
from tests.integration.user_packages.wheels import write_wheel


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    dags = tmp_path / "dags"
    dags.mkdir()
    (tmp_path / ".chalice").mkdir()
    config = {"lambda_architecture": "arm64", "stages": {"dev": {}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    variables = {"UPDRAFT__AWS__STAGE": "dev", "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    return Stage(name="dev", project=tmp_path, variables={}, settings=Settings.from_environ(variables))


def ask(stage: Stage, version: str) -> None:
    wheel = write_wheel(stage.settings.dags_folder, "greetings", version)
    (stage.settings.dags_folder / "requirements.txt").write_text(f"./{wheel.name}\n")


def test_a_stage_that_asks_for_nothing_has_no_packages(stage: Stage) -> None:
    assert packages_of(stage, print) is None
    (stage.settings.dags_folder / "requirements.txt").write_text("# none\n")
    assert packages_of(stage, print) is None
    assert not (stage.project / ".chalice" / "layers").exists()


def test_packages_are_installed_once_and_make_the_same_layer_elsewhere(stage: Stage) -> None:
    told: list[str] = []
    ask(stage, "1.0")
    first = packages_of(stage, told.append)
    again = packages_of(stage, told.append)
    assert first is not None
    assert first == again
    assert len(told) == 1
    with ZipFile(build_layer(first, stage).path) as layer:
        assert "user-packages/greetings.py" in layer.namelist()

    shutil.rmtree(stage.project / ".chalice" / "layers")  # as in another checkout
    elsewhere = packages_of(stage, told.append)
    assert elsewhere is not None
    assert elsewhere.digest == first.digest


def test_what_was_asked_for_before_makes_room(stage: Stage) -> None:
    ask(stage, "1.0")
    first = packages_of(stage, print)
    ask(stage, "2.0")
    second = packages_of(stage, print)
    assert first is not None
    assert second is not None
    assert first.digest != second.digest
    assert not first.installed.folder.exists()
