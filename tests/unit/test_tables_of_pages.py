"""The tables of the pages that no module's own tests hold: settings, functions, backends, limits, names."""

import importlib
import json
import re
from collections.abc import Mapping
from itertools import cycle

import pytest

from chalicelib.auth.backends import decide
from chalicelib.auth.verdicts import Caller, Refused, Verdict
from chalicelib.authoring.airflow_names.finder import importable
from chalicelib.authoring.airflow_names.tables import MODULES, sources_of
from chalicelib.authoring.taskflow.decorators import TaskDecorator
from chalicelib.deploy.aws_limits import MOST_MEMORY_MB
from chalicelib.deploy.worker_time import GIVEN_EVERYWHERE
from chalicelib.domain.payload import INLINE_LIMIT
from chalicelib.domain.runs.task_logs import MAX_LOG_BYTES
from chalicelib.domain.slots.pools import SHARD_SLOTS
from chalicelib.local.gateway import LARGEST_BODY_BYTES
from chalicelib.local.server import LocalSettings
from chalicelib.settings import MOST_WORKER_TIMEOUT, SECRETS_BACKENDS, Settings
from chalicelib.store.remembered_secrets import REMEMBERED_SECONDS
from chalicelib.user_code.frames import LONGEST_BODY
from chalicelib.user_code.watch import GRACE, TO_WRITE_THE_END
from tests.pages import ROOT, on_one_line, page, quoted, table

CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text())


# -- settings ------------------------------------------------------------------------------------------

OF_THE_TERMINAL = "AIRFLOW__LOGGING__LOGGING_LEVEL"
"""Read where the local server's log goes to, and by no settings."""

BESIDE_THE_TABLE = {"AIRFLOW__API__AUTH_BACKENDS", "KRB5_KTNAME"}
"""Other names for a setting of the table, which says so in its meaning."""


class Watched(dict[str, str]):
    """An environment that keeps which of its variables were asked for."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        super().__init__(variables or {})
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def listed_settings() -> list[tuple[str, str]]:
    """Each variable with what stands in the column of its default."""
    return [
        (name, of_its_own)
        for variables, default, _ in table(page("settings"), "variable", "default", "meaning")
        for name, of_its_own in zip(
            quoted(variables), cycle(re.split(r"(?<=`), (?=`)", default)), strict=False
        )
    ]


def both_settings(environ: Mapping[str, str]) -> tuple[Settings, LocalSettings]:
    return Settings.from_environ(environ), LocalSettings.from_environ(environ)


def test_the_page_lists_every_setting_that_is_read_and_no_other() -> None:
    environ = Watched()
    both_settings(environ)
    listed = [name for name, _ in listed_settings()]
    assert sorted(listed) == sorted((environ.asked - BESIDE_THE_TABLE) | {OF_THE_TERMINAL})


@pytest.mark.parametrize(("name", "default"), listed_settings())
def test_a_default_is_what_is_so_without_the_setting(name: str, default: str) -> None:
    value = next(iter(quoted(default)), "").replace("<stage>", "local")
    if name == "AIRFLOW__CORE__DAGS_FOLDER":
        value = str(ROOT / value)
    if name == "UPDRAFT__EVENTS__FILE":  # a file that need not be there, while one that is set has to be
        assert default == "`events.toml` in the DAGs folder"
        return
    assert both_settings({name: value} if value else {}) == both_settings({})


def test_the_page_lists_the_secrets_backends_with_their_arguments() -> None:
    rows = table(page("writing-dags"), "backend", "where a connection `db` is")
    assert {quoted(name)[0]: tuple(quoted(kwargs)) for name, _, kwargs in rows} == SECRETS_BACKENDS
    said = "the worker remembers what it found, or that there was nothing, for "
    assert f"{said}{REMEMBERED_SECONDS} seconds" in on_one_line(page("writing-dags"))


# -- functions -----------------------------------------------------------------------------------------

CALLED_BY_QUEUES = {
    "scheduler": "UPDRAFT__SCHEDULER__MAXIMUM_CONCURRENCY",
    "worker": "AIRFLOW__CORE__PARALLELISM",
    "triggerer": "UPDRAFT__SCHEDULER__MAXIMUM_CONCURRENCY",
    "events": "UPDRAFT__EVENTS__MAXIMUM_CONCURRENCY",
}


def at_once(stage: str, function: str) -> str:
    if function in CALLED_BY_QUEUES:
        return str(CONFIG["stages"][stage]["environment_variables"][CALLED_BY_QUEUES[function]])
    configured = CONFIG["stages"][stage].get("lambda_functions", {}).get(function, {})
    reserved = configured.get("reserved_concurrency")
    return f"{reserved}, reserved" if reserved else "any"


def test_the_page_says_how_large_functions_are_and_how_many_run() -> None:
    rows = table(page("operating"), "function", "memory", "time")
    assert [row[:5] for row in rows] == [
        [
            f"`{name}`",
            f"{configured['lambda_memory_size']} MB",
            f"{configured['lambda_timeout']} s" if name != "worker" else f"{MOST_WORKER_TIMEOUT // 60} min",
            at_once("dev", name),
            at_once("prod", name),
        ]
        for name, configured in CONFIG["lambda_functions"].items()
    ]


# -- who may call --------------------------------------------------------------------------------------

BACKENDS = table(page("auth"), "backend", "without credentials")


def answer(backend: str, authorization: str | None, verdict: Verdict) -> str:
    """What a backend answers, as the page writes it."""
    decision = decide(backend, authorization, lambda _scheme, _authorization: verdict)
    if decision.allowed:
        return "200"
    challenge = f", `WWW-Authenticate: {decision.challenge}`" if decision.challenge else ""
    return f"{decision.status}{challenge}"


@pytest.mark.parametrize("row", BACKENDS, ids=lambda row: quoted(row[0])[0])
def test_a_backend_answers_what_the_page_says(row: list[str]) -> None:
    (backend,) = quoted(row[0])
    wrong, right = Refused(reason="wrong", claimed="ada"), Caller(principal="ada")
    assert row[1:] == [answer(backend, None, wrong), answer(backend, "x", wrong), answer(backend, "x", right)]


# -- limits --------------------------------------------------------------------------------------------


def test_the_page_says_the_limits_of_tries_requests_and_values() -> None:
    """Those that the code knows; AWS's others stand on the page alone."""
    said = " ".join(cell for row in table(page("limits"), "limit", "what happens there") for cell in row)
    settings = Settings.from_environ({})
    api_seconds = CONFIG["lambda_functions"]["api_handler"]["lambda_timeout"]
    for limit in (
        f"{MOST_WORKER_TIMEOUT // 60} minutes for one try of a task (Lambda; {GIVEN_EVERYWHERE // 60} where",
        f"{(GRACE + TO_WRITE_THE_END).seconds} seconds before, the try is asked to end",
        f"(up to {MOST_MEMORY_MB:,} MB)",
        f"{LARGEST_BODY_BYTES // 10**6} MB for a request",
        f"{settings.throttling_rate_limit} requests a second to a method of a path, "
        f"{settings.throttling_burst_limit} at once",
        f"{api_seconds} s for a request",
        f"above {INLINE_LIMIT // 1024} kB is kept in the bucket",
        f"{MAX_LOG_BYTES // 10**6} MB for the log of a try",
        f"{LONGEST_BODY // 10**6} MB for one XCom or variable",
    ):
        assert limit in said
    assert f"Pools of more than {SHARD_SLOTS} slots" in on_one_line(page("writing-dags"))


# -- what DAG files may import -------------------------------------------------------------------------

NAMES = {quoted(module)[0]: quoted(names) for module, names in table(page("writing-dags"), "module", "names")}


@pytest.mark.parametrize("module", NAMES)
def test_a_dag_file_may_import_the_names_of_the_page(module: str) -> None:
    with importable():
        imported = importlib.import_module(module)
        for name in NAMES[module]:
            first, _, attribute = name.partition(".")
            assert hasattr(imported, first)
            assert not attribute or attribute in vars(TaskDecorator)


@pytest.mark.parametrize("module", NAMES)
def test_the_row_of_a_module_has_all_of_its_names(module: str) -> None:
    assert {name for name, _, _ in sources_of(module)} - {*NAMES[module], "*", "__version__"} == set()


def test_what_can_be_imported_is_on_the_page_in_some_module() -> None:
    on_the_page = {source[1:] for module in NAMES for source in sources_of(module)}
    others = {source[1:] for module in MODULES.keys() - NAMES for source in sources_of(module)} - on_the_page
    by_sentence = {
        "chalicelib.authoring.conveniences.access_names",
        "chalicelib.authoring.provider_packages.installed",
        "chalicelib.authoring.provider_packages.providers_manager",
        "chalicelib.authoring.surroundings.metadata_models",
        "chalicelib.authoring.taskflow.decorators",
    }
    assert {module for module, _ in others} - by_sentence == {
        "chalicelib.authoring.model.dependencies",  # as DAGNode and the like, in models.taskmixin
        "chalicelib.authoring.surroundings.airflow_settings",
        "hashlib",
    }


def test_every_kind_of_taskflow_task_is_on_the_page() -> None:
    kinds = {f"task.{name}" for name in vars(TaskDecorator) if not name.startswith("_")}
    assert kinds == {name for name in NAMES["airflow.decorators"] if "." in name}
