"""Recorded DAGs over installed provider packages end as in Airflow 2.10.5: states, values, tries, errors.

They run in lanes, each a process over stores of its own, at once: most of their time is waiting.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import USER_PACKAGES
from tests.pages import ROOT
from tests.providers.compatibility import OPERATORS_RUN
from tests.providers.served import programs_of_postgres
from tests.providers.sets import folder_of

HERE = Path(__file__).parent
RECORDED: dict[str, dict[str, Any]] = json.loads((HERE / "expected.json").read_text())

WITH_B = frozenset(
    {
        *(dag_id for dag_id, case in RECORDED.items() if case["sets"] == ["B"]),
        *(
            "prov_http_deferrable",
            "prov_http_reschedule",
            "prov_s3_deferrable",
            "prov_slack",
            "prov_sql_branch",
        ),
    }
)
"""Those that run over set B: what set A has no more, and one of each package that differs."""

CASES = [
    *(("A", dag_id) for dag_id in RECORDED if "A" in RECORDED[dag_id]["sets"]),
    *(("B", dag_id) for dag_id in RECORDED if dag_id in WITH_B),
]

_WATCHING = """

import recorder as _recorder

_recorder.watch([each for each in list(globals().values()) if type(each).__name__ == "DAG"])
"""
"""Comes after each DAG file: what callbacks see is recorded, and which classes are used."""


_EXACT = ("run", "tasks", "tries", "values")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """DAGs that run one after the other."""

    name: str
    packages: Path
    dag_ids: tuple[str, ...]

    @property
    def needs(self) -> set[str]:
        """What has to be served for them besides the API and SQLite."""
        return {need for dag_id in self.dag_ids for need in RECORDED[dag_id]["needs"]} & {"moto", "postgres"}


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[tuple[str, str], Any]:
    """The outcomes of the DAGs that are asked for, by set and DAG id."""
    wanted = _wanted(request.session.items)
    has_postgres = any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    lanes: list[Lane] = []
    for name in ("A", "B"):
        packages = folder_of(name)
        of_set = [dag_id for set_, dag_id in CASES if set_ == name and (name, dag_id) in wanted]
        can_run = [each for each in of_set if has_postgres or "postgres" not in RECORDED[each]["needs"]]
        with_aws = tuple(each for each in can_run if "moto" in RECORDED[each]["needs"])
        others = tuple(each for each in can_run if each not in with_aws)
        lanes += [Lane(name=name, packages=packages, dag_ids=ids) for ids in (with_aws, others) if ids]
    folder = _watched_dags(tmp_path_factory.mktemp("dags"))
    with ThreadPoolExecutor(len(lanes)) as pool:
        results = pool.map(lambda lane: _run(lane, folder, tmp_path_factory.mktemp("lane")), lanes)
        return {
            (lane.name, dag_id): outcome
            for lane, found in zip(lanes, results, strict=True)
            for dag_id, outcome in found
        }


def _wanted(items: Iterable[pytest.Item]) -> set[tuple[str, str]]:
    """The cases of the tests that were chosen; all where the one of all of them was."""
    ours = [item for item in items if isinstance(item, pytest.Function) and item.path == Path(__file__)]
    chosen = [getattr(item, "callspec", None) for item in ours]
    if None in chosen:
        return set(CASES)
    return {(call.params["name"], call.params["dag_id"]) for call in chosen if call is not None}


def _watched_dags(folder: Path) -> Path:
    for path in (HERE / "dags").rglob("*.*"):
        target = folder / path.relative_to(HERE / "dags")
        target.parent.mkdir(exist_ok=True)
        is_dag = path.stem in RECORDED and path.suffix == ".py"
        target.write_text(path.read_text() + (_WATCHING if is_dag else ""))
    return folder


def _run(lane: Lane, dags: Path, folder: Path) -> list[tuple[str, Any]]:
    cases = [{"dag_id": dag_id, **RECORDED[dag_id]} for dag_id in lane.dag_ids]
    with _served(folder, lane.needs) as environment:
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))
        }
        environ |= environment | {
            USER_PACKAGES: str(lane.packages),
            "RECORDER_FILE": str(folder / "recorded"),
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.providers.outcomes", dags],
            input=json.dumps(cases),
            cwd=ROOT,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            timeout=900,
            check=True,
        )
    port = environment["HTTP_API"].rpartition(":")[2]
    text = done.stdout.replace(environment["CORPUS_DIR"], "{CORPUS_DIR}").replace(f":{port}", ":{PORT}")
    return [(outcome.pop("dag_id"), outcome) for outcome in map(json.loads, text.splitlines())]


@contextmanager
def _served(folder: Path, needs: set[str]) -> Iterator[dict[str, str]]:
    said = folder / "served.log"
    with (
        said.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.providers.served", folder, *sorted(needs)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line, said.read_text()
            yield json.loads(line)
        finally:
            server.stdin.close()
            server.wait(60)


@pytest.mark.parametrize(("name", "dag_id"), CASES)
def test_a_dag_over_provider_packages_ends_as_recorded(
    outcomes: Mapping[tuple[str, str], Any], name: str, dag_id: str
) -> None:
    case = RECORDED[dag_id]
    if "postgres" in case["needs"]:
        programs_of_postgres()
    ended, expected = outcomes[name, dag_id], case["expect"]
    print(ended.get("log", ended))
    assert {key: ended.get(key) for key in _EXACT} == {
        key: sorted(expected[key]) if key == "tasks" else expected[key] for key in _EXACT
    }
    errors = sorted(expected["errors"])
    assert [_as_stable_as(*each) for each in zip(ended["errors"], errors, strict=True)] == errors


def _as_stable_as(error: list[Any], expected: list[Any]) -> list[Any]:
    """An error whose text is cut where that of the expected one is."""
    *of_try, text = error
    stable, ends, _ = expected[-1].partition("…")
    return [*of_try, text[: len(stable)] + ends if ends else text]


def test_a_look_of_a_waiting_sensor_is_an_invocation(outcomes: Mapping[tuple[str, str], Any]) -> None:
    invocations = outcomes["A", "own_s3_polls"]["invocations"]
    assert invocations == {"rescheduled": 4, "deferred": 4, "looks": 1}


def test_the_classes_that_run_are_in_the_table(outcomes: Mapping[tuple[str, str], Any]) -> None:
    programs_of_postgres()
    ran: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (set_, _), outcome in outcomes.items():
        for module, name in outcome["used"]:
            if module.startswith("airflow.providers."):
                ran[set_][_package_of(module)].add(name)
    listed = json.loads(OPERATORS_RUN.read_text())
    missing = {
        (set_, package): sorted(names - set(listed[set_].get(package, ())))
        for set_, packages in ran.items()
        for package, names in packages.items()
    }
    assert {place: names for place, names in missing.items() if names} == {}


def _package_of(module: str) -> str:
    _, _, package, inner, *_ = module.split(".")
    return f"{package}-{inner}" if package in ("common", "cncf", "microsoft") else package
