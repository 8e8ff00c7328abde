"""``conf``: what the environment sets, and Airflow's defaults of the rest."""

from collections.abc import Callable
from datetime import timedelta
from os.path import join
from typing import Any

import pytest

from chalicelib.authoring.exceptions import AirflowConfigException
from chalicelib.authoring.surroundings.configuration import conf, configured_by
from chalicelib.settings import shipped_dags_folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CORE__DAGS_FOLDER", "CORE__PLUGINS_FOLDER", "WEBSERVER__BASE_URL"):
        monkeypatch.delenv(f"AIRFLOW__{name}", raising=False)


def given(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AIRFLOW__{name}", value)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda: conf.get("core", "default_timezone"), "utc"),
        (lambda: conf.get("CORE", "Parallelism"), "32"),
        (lambda: conf.getint("core", "max_active_tasks_per_dag"), 16),
        (lambda: conf.getint("core", "dag_concurrency"), 16),
        (lambda: conf.getfloat("scheduler", "job_heartbeat_sec"), 5.0),
        (lambda: conf.getboolean("core", "load_examples"), True),
        (lambda: conf.get("webserver", "base_url"), "http://localhost:8080"),
        (lambda: conf.get("core", "base_log_folder") == conf.get("logging", "base_log_folder"), True),
        (lambda: conf.get("core", "dags_folder"), str(shipped_dags_folder())),
        (lambda: conf.get("core", "plugins_folder"), join(shipped_dags_folder().parent, "plugins")),
        (lambda: conf.get("kubernetes", "NAMESPACE"), "default"),
        (lambda: conf.getint("celery", "worker_concurrency"), 16),
        (lambda: conf.get("mine", "own", fallback="x"), "x"),
        (lambda: conf.getlist("mine", "own", fallback="a, b"), ["a", "b"]),
        (lambda: conf.getlist("mine", "own", fallback=None), None),
        (lambda: conf.getjson("mine", "own", fallback={"a": 1}), {"a": 1}),
        (lambda: conf.gettimedelta("scheduler", "job_heartbeat_sec"), timedelta(seconds=5)),
        (lambda: conf.gettimedelta("mine", "own"), None),
        (lambda: conf.getimport("core", "sql_alchemy_pool_nothing", fallback=""), None),
        (lambda: conf.has_option("core", "parallelism"), True),
        (lambda: conf.has_option("mine", "own"), False),
        (lambda: conf.getsection("mine"), None),
        (lambda: (conf.getsection("debug") or {})["fail_fast"], False),
        (lambda: "smtp" in conf.sections(), True),
    ],
)
def test_what_is_not_set_has_airflows_default(ask: Callable[[], Any], answer: Any) -> None:
    assert ask() == answer


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda: conf.get("mine", "own"), r"section/key \[mine/own\] not found in config"),
        (lambda: conf.getint("core", "default_timezone"), "Failed to convert value to int"),
        (lambda: conf.getboolean("core", "default_timezone"), "Failed to convert value to bool"),
        (lambda: conf.getint("mine", "own", fallback=None), "Failed to convert value None to int"),
        (lambda: conf.getjson("core", "default_timezone"), r"Unable to parse \[core\] 'default_timezone'"),
        (lambda: conf.getimport("core", "default_timezone"), "The object could not be loaded"),
    ],
)
def test_a_value_that_cannot_be_given_is_named(ask: Callable[[], Any], text: str) -> None:
    with pytest.raises(AirflowConfigException, match=text):
        ask()


def test_a_value_that_has_to_be_there_is_demanded() -> None:
    assert conf.get_mandatory_value("core", "parallelism") == "32"
    assert conf.get_mandatory_list_value("api", "auth_backends") == ["airflow.api.auth.backend.session"]
    with pytest.raises(ValueError, match="The value mine/own should be set!"):
        conf.get_mandatory_value("mine", "own", fallback=None)


def test_what_the_environment_sets_counts_by_an_older_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "CORE__DAG_CONCURRENCY", "7")
    given(monkeypatch, "MINE__OWN", "True")
    assert conf.getint("core", "max_active_tasks_per_dag") == 7
    assert conf.getsection("mine") == {"own": True}
    assert conf.as_dict()["mine"] == {"own": True}


def test_another_source_may_be_named_for_a_while() -> None:
    with configured_by(lambda section, key: f"{section}.{key}"):
        assert conf.get("core", "parallelism") == "core.parallelism"
    assert conf.get("core", "parallelism") == "32"
