"""The plugins folder: names of plugins are importable, macros and listeners are called where tasks run."""

import sys
from pathlib import Path

import pytest

from chalicelib.authoring.loading.loader import ImportFailure, LoadedFile, load_file
from chalicelib.authoring.plugins import folder as plugins_folder
from chalicelib.authoring.plugins import listeners
from chalicelib.domain.runs.outcomes import TryResult
from tests.scripted.loading import load_folder
from tests.unit.authoring.running import FakeXComs, run

PLUGIN = """
from airflow.models import BaseOperator
from airflow.plugins_manager import AirflowPlugin
from team.words import GREETING

class GreetOperator(BaseOperator):
    def execute(self, context):
        return GREETING

class GreetHook:
    pass

def shout(text):
    return text.upper()

class TeamPlugin(AirflowPlugin):
    name = "team_plugin"
    operators = [GreetOperator]
    hooks = [GreetHook]
    macros = [shout]
    flask_blueprints = ["whatever"]
"""

USER = """
from airflow import DAG
from airflow.operators import GreetOperator
from airflow.operators.team_plugin import GreetOperator as Same
from airflow.hooks.team_plugin import GreetHook
from airflow.macros.team_plugin import shout
from airflow.operators.bash import BashOperator
from team.words import GREETING

assert Same is GreetOperator
with DAG("greets", schedule=None, description=shout(GREETING)) as dag:
    GreetOperator(task_id="greet")
    BashOperator(task_id="shout", bash_command="echo {{ macros.team_plugin.shout('hey') }}")
"""


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    for name in ("dags", "plugins", "plugins/team"):
        (tmp_path / name).mkdir()
    (tmp_path / "plugins" / "team" / "words.py").write_text("GREETING = 'hello'\n")
    (tmp_path / "plugins" / "team_plugin.py").write_text(PLUGIN)
    (tmp_path / "dags" / "user.py").write_text(USER)
    return tmp_path / "dags"


def loaded(path: Path) -> LoadedFile:
    found = load_file(path, path.parent)
    assert isinstance(found, LoadedFile), found
    return found


def test_names_of_plugins_are_importable_as_in_1_10(dags: Path) -> None:
    (dag,) = loaded(dags / "user.py").dags
    assert dag.description == "HELLO"
    xcoms = FakeXComs()
    run(dag, "greet", xcoms)
    assert xcoms.value("greet") == "hello"
    run(dag, "shout", xcoms)
    assert xcoms.value("shout") == "HEY"


def test_a_file_was_made_from_the_plugins_too(dags: Path) -> None:
    names = {path.name for path in loaded(dags / "user.py").read}
    assert names == {"user.py", "team_plugin.py", "words.py"}


def test_plugins_are_loaded_once_and_again_when_they_change(dags: Path) -> None:
    loaded(dags / "user.py")
    before = plugins_folder.current()
    loaded(dags / "user.py")
    assert plugins_folder.current() is before
    (dags.parent / "plugins" / "team" / "words.py").write_text("GREETING = 'good morning'\n")
    assert loaded(dags / "user.py").dags[0].description == "GOOD MORNING"


def test_plugins_may_import_what_is_in_the_dags_folder(dags: Path) -> None:
    (dags / "shared.py").write_text("NAME = 'one'\n")
    (dags.parent / "plugins" / "another.py").write_text(
        "from airflow.plugins_manager import AirflowPlugin\n"
        "from shared import NAME\n"
        "class AnotherPlugin(AirflowPlugin):\n"
        "    name = NAME\n"
    )
    (dags / "own.py").write_text("import shared\nfrom airflow import DAG\ndag = DAG('own')\n")
    assert {path.name for path in loaded(dags / "own.py").read} >= {"own.py", "shared.py", "another.py"}
    assert [each.name for each in plugins_folder.current().plugins] == ["one", "team_plugin"]
    (dags / "shared.py").write_text("NAME = 'another'\n")
    loaded(dags / "user.py")
    assert [each.name for each in plugins_folder.current().plugins] == ["another", "team_plugin"]


def test_another_folder_without_plugins_has_none_of_their_names(dags: Path, tmp_path: Path) -> None:
    loaded(dags / "user.py")
    alone = tmp_path / "alone" / "dags"
    alone.mkdir(parents=True)
    (alone / "user.py").write_text(USER)
    failure = load_file(alone / "user.py", alone)
    assert isinstance(failure, ImportFailure)
    assert "Updraft does not offer airflow.operators.GreetOperator" in failure.message
    assert str(dags.parent / "plugins") not in sys.path


def test_the_folder_may_be_set(dags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "plugins").rename(elsewhere)
    monkeypatch.setenv("AIRFLOW__CORE__PLUGINS_FOLDER", str(elsewhere))
    assert loaded(dags / "user.py").dags


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "def (", "import nothing_of_the_kind", "1 / 0"])
def test_a_broken_plugin_is_logged_and_stops_nothing(
    dags: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (dags.parent / "plugins" / "a_broken.py").write_text(f"# AirflowPlugin\n{text}\n")
    assert loaded(dags / "user.py").dags
    assert "Broken plugin a_broken.py: " in caplog.text


def test_a_plugin_without_a_name_is_broken(dags: Path, caplog: pytest.LogCaptureFixture) -> None:
    (dags.parent / "plugins" / "nameless.py").write_text(
        "from airflow.plugins_manager import AirflowPlugin\nclass Nameless(AirflowPlugin):\n    pass\n"
    )
    assert loaded(dags / "user.py").dags
    assert "Your plugin needs a name." in caplog.text


LISTENER = """
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from heard import HEARD

class Listener:
    @hookimpl
    def on_task_instance_running(self, previous_state, task_instance, session):
        HEARD.append(("running", previous_state, task_instance.task_id))

    @hookimpl
    def on_task_instance_success(self, previous_state, task_instance):
        HEARD.append(("success", previous_state, task_instance.state))

    @hookimpl(specname="on_task_instance_failed")
    def fails(self, task_instance, error):
        HEARD.append(("failed", task_instance.state, str(error)))

    @hookimpl(specname="on_task_instance_failed", tryfirst=True)
    def breaks(self):
        raise RuntimeError("the listener's own fault")

    @hookimpl
    def on_dataset_changed(self, dataset):
        HEARD.append(("dataset", dataset.uri))

    @hookimpl
    def on_asset_changed(self, asset):
        HEARD.append(("asset", asset.name, asset.uri))

    def on_task_instance_skipped(self):
        raise AssertionError("there is no such event")

class Plugin(AirflowPlugin):
    name = "listens"
    listeners = [Listener()]
"""

HEARING_DAG = """
from airflow import DAG, Dataset
from airflow.exceptions import AirflowSkipException
from airflow.operators.python import PythonOperator
import heard

def fail(): raise ValueError("broken")
def skip(): raise AirflowSkipException
def tell(): return [list(each) for each in heard.HEARD]
def change(): pass

with DAG("heard", schedule=None) as dag:
    for function in (fail, skip, tell):
        PythonOperator(task_id=function.__name__, python_callable=function)
    PythonOperator(task_id="change", python_callable=change, outlets=[Dataset("a")])
"""


def test_listeners_are_told_of_tries(dags: Path, caplog: pytest.LogCaptureFixture) -> None:
    (dags.parent / "plugins" / "heard.py").write_text("HEARD = []\n")
    (dags.parent / "plugins" / "listens.py").write_text(LISTENER)
    (dags / "hearing.py").write_text(HEARING_DAG)
    (dag,) = loaded(dags / "hearing.py").dags
    heard = sys.modules["heard"].HEARD
    assert run(dag, "fail").result is TryResult.FAILED
    assert heard == [("running", "queued", "fail"), ("failed", "failed", "broken")]
    assert "the listener's own fault" in caplog.text
    heard.clear()
    run(dag, "fail", max_tries=1)
    assert heard[-1] == ("failed", "up_for_retry", "broken")
    heard.clear()
    assert run(dag, "skip").result is TryResult.SKIPPED
    assert heard == [("running", "queued", "skip")]
    heard.clear()
    run(dag, "tell")
    assert heard[-1] == ("success", "running", "success")
    heard.clear()
    run(dag, "change")
    assert heard[1:] == [("dataset", "a"), ("asset", "a", "a"), ("success", "running", "success")]


def test_without_plugins_nobody_listens(tmp_path: Path) -> None:
    load_folder(tmp_path)
    (tmp_path / "any.py").write_text("from airflow import DAG\ndag = DAG('any', schedule=None)\n")
    loaded(tmp_path / "any.py")
    assert not listeners.are_registered()
