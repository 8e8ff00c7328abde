"""Loading DAG files: what counts as one, and how a broken one is reported."""

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.authoring.loading.loader import (
    ImportFailure,
    dag_files,
    load_file,
)
from chalicelib.authoring.model.dag import DAG
from tests.scripted.loading import load_folder

EMPTY_DAG = (
    "from airflow import DAG\n"
    "from airflow.operators.empty import EmptyOperator\n"
    "with DAG({dag_id!r}, schedule=None):\n"
    "    EmptyOperator(task_id='only')\n"
)


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def failure_of(folder: Path, text: str) -> str:
    write(folder, broken=text)
    loaded = load_file(folder / "broken.py", folder)
    assert isinstance(loaded, ImportFailure)
    assert loaded.filename == "broken.py"
    return loaded.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import airflow\ndag = 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        (
            "from airflow.providers.amazon.s3 import Dag\n",
            "line 1: ModuleNotFoundError: No module named 'airflow.providers.amazon.s3': "
            "Updraft does not offer it",
        ),
        ("import airflow, sys\nsys.exit(3)  # dag\n", "line 2: SystemExit: 3"),
        ("raise KeyboardInterrupt\n", "line 1: KeyboardInterrupt"),
        ("def dag(:\n", "SyntaxError: invalid syntax (broken.py, line 1)"),
        (
            "open('/etc/secret/nothing.txt')\n",
            "line 1: FileNotFoundError: [Errno 2] No such file or directory",
        ),
        (
            "from airflow import DAG\n"
            "from airflow.operators.empty import EmptyOperator\n"
            "with DAG('x', schedule=None):\n"
            "    EmptyOperator(task_id='a b')\n",
            "line 4: AirflowException: The key 'a b' has to be made of alphanumeric characters",
        ),
        (
            "from airflow import DAG\n"
            "from airflow.operators.empty import EmptyOperator\n"
            "with DAG('x', schedule=None):\n"
            "    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n"
            "    a >> b >> a\n",
            "AirflowDagCycleException: Cycle detected in DAG: x. Faulty task: a",
        ),
        (
            "from airflow import DAG\n"
            "from airflow.operators.empty import EmptyOperator\n"
            "with DAG('x', schedule='@daily'):\n"
            "    EmptyOperator(task_id='a')\n",
            "ValueError: DAG is missing the start_date parameter",
        ),
    ],
)
def test_a_broken_file_is_a_failure_that_says_why(tmp_path: Path, text: str, message: str) -> None:
    found = failure_of(tmp_path, text)
    assert found.startswith(message)
    assert str(tmp_path) not in found
    assert "/etc" not in found


HOSTILE = {
    "builtins_len": "import builtins\nbuiltins.len = lambda value: 1 / 0\n",
    "builtins_kinds": "import builtins\nbuiltins.isinstance = builtins.str = builtins.sorted = None\n",
    "builtins_import": "import builtins\nbuiltins.__import__ = None\n",
    "library": "import json, os, pathlib, re, traceback\n"
    "json.dumps = lambda *args, **kwargs: 'x'\n"
    "os.environ = {}\npathlib.Path = re.sub = traceback.extract_tb = None\nraise ValueError\n",
    "of_dags": "from airflow import DAG\nDAG.validate = DAG.__init__ = lambda *args, **kwargs: 1 / 0\n",
    "loader": "import chalicelib.authoring.loading.loader as l\nl.load_file = l.failure_of = None\n",
    "hooks": "import sys\nsys.path_hooks.clear()\nsys.path_importer_cache.clear()\n",
    "untold": "class Ended(BaseException):\n    def __str__(self): raise SystemExit\nraise Ended\n",
}
"""Files that break what those after them need, each in its own way."""


def test_what_a_file_breaks_is_whole_for_the_next(tmp_path: Path) -> None:
    texts = {f"b_{name}": f"# airflow dag\n{text}" for name, text in HOSTILE.items()}
    write(tmp_path, a=EMPTY_DAG.format(dag_id="a"), **texts, z=EMPTY_DAG.format(dag_id="z"))
    before = (len, json.dumps, Path, DAG.validate)
    loaded = load_folder(tmp_path)
    assert (len, json.dumps, Path, DAG.validate) == before
    assert list(loaded.dags) == ["a", "z"]
    assert {(failure.filename, failure.message) for failure in loaded.failures} == {
        ("b_library.py", "line 6: ValueError"),
        ("b_untold.py", "line 4: Ended"),
    }
    importlib.import_module("colorsys")  # whatever is still to be imported can be


def test_of_two_dags_of_one_id_in_a_file_the_later_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(
        tmp_path,
        twice=(
            "from airflow import DAG\n"
            "first = DAG('x', schedule=None, description='first')\n"
            "second = DAG('x', schedule=None, description='second')\n"
        ),
    )
    assert load_folder(tmp_path).dags["x"].description == "second"
    assert "two DAGs with the id x: the later one counts" in caplog.text


def test_a_dag_that_names_no_schedule_needs_no_start(tmp_path: Path) -> None:
    text = (
        "from airflow import DAG\n"
        "from airflow.operators.empty import EmptyOperator\n"
        "with DAG('x'):\n"
        "    EmptyOperator(task_id='a')\n"
    )
    write(tmp_path, dag=text)
    dag = load_folder(tmp_path).dags["x"]
    assert dag.planning.next_run(None, datetime(2024, 1, 1, tzinfo=UTC)) is None


def test_paths_of_this_machine_are_not_told(tmp_path: Path) -> None:
    message = failure_of(tmp_path, "from json import nothing  # airflow dag\n")
    assert message == "line 1: ImportError: cannot import name 'nothing' from 'json' (__init__.py)"


def test_urls_stay_whole(tmp_path: Path) -> None:
    message = failure_of(tmp_path, "raise ValueError('s3://bucket/key and https://host/a/b')\n")
    assert message == "line 1: ValueError: s3://bucket/key and https://host/a/b"


def test_one_broken_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_good=EMPTY_DAG.format(dag_id="a"),
        b_broken="import airflow\nraise SystemExit  # dag\n",
        c_good=EMPTY_DAG.format(dag_id="c"),
    )
    loaded = load_folder(tmp_path)
    assert list(loaded.dags) == ["a", "c"]
    assert [failure.filename for failure in loaded.failures] == ["b_broken.py"]
    assert loaded.files[0].source == EMPTY_DAG.format(dag_id="a")


def test_only_files_that_mention_dags_and_airflow_are_read(tmp_path: Path) -> None:
    inner = tmp_path / "team" / "nested"
    hidden = tmp_path / ".hidden"
    cache = tmp_path / "__pycache__"
    for folder in (inner, hidden, cache):
        folder.mkdir(parents=True)
        write(folder, some=EMPTY_DAG.format(dag_id=folder.name))
    write(tmp_path, helper="raise RuntimeError('not a file of that kind')\n")
    loaded = load_folder(tmp_path)
    assert [file.filename for file in loaded.files] == ["team/nested/some.py"]
    assert loaded.failures == ()


def test_files_of_the_same_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, load=EMPTY_DAG.format(dag_id=name))
    assert list(load_folder(tmp_path).dags) == ["north", "south"]


def test_siblings_are_imported_and_read_again_when_they_change(tmp_path: Path) -> None:
    write(
        tmp_path,
        naming_of_dags="NAME = 'first'\n",
        uses_it="from naming_of_dags import NAME\n" + EMPTY_DAG.replace("{dag_id!r}", "NAME"),
    )
    assert list(load_folder(tmp_path).dags) == ["first"]
    write(tmp_path, naming_of_dags="NAME = 'other_one'\n")
    assert list(load_folder(tmp_path).dags) == ["other_one"]
    assert str(tmp_path) not in sys.path


def test_a_dag_needs_no_global_name_unless_it_says_so(tmp_path: Path) -> None:
    write(
        tmp_path,
        three="from airflow import DAG\n"
        "from airflow.decorators import dag\n"
        "def make(name, **kwargs):\n"
        "    with DAG(name, schedule=None, **kwargs):\n"
        "        pass\n"
        "make('made')\n"
        "make('kept_back', auto_register=False)\n"
        "kept = DAG('named', schedule=None)\n"
        "@dag(schedule=None)\n"
        "def decorated(): pass\n"
        "decorated()\n",
    )
    assert list(load_folder(tmp_path).dags) == ["decorated", "made", "named"]


def test_dataclasses_and_prints_in_dag_files_are_harmless(tmp_path: Path) -> None:
    write(
        tmp_path,
        fine="from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Place:\n"
        "    name: str = 'x'\n"
        "print('loading')\n" + EMPTY_DAG.format(dag_id="fine"),
    )
    assert list(load_folder(tmp_path).dags) == ["fine"]


@pytest.mark.filterwarnings("ignore:only told")
@pytest.mark.parametrize(
    "spoils",
    [
        "class Stop(BaseException):\n    pass\nraise Stop('for good')\n",
        "class Silent(Exception):\n    def __str__(self):\n        raise ValueError\nraise Silent\n",
        "def deeper():\n    deeper()\ndeeper()\n",
        "raise MemoryError\n",
        "raise GeneratorExit\n",
        "import asyncio\nraise asyncio.CancelledError\n",
        "import sys\nsys.setrecursionlimit(80)\n",
        "import sys\nsys.path.clear()\nsys.meta_path.clear()\n",
        "import sys\nsys.modules['json'] = None\ndel sys.modules['logging']\n",
        "import os\nos.chdir('/')\nos.environ.clear()\n",
        "import sys\nsys.stdout = sys.stderr = None\n",
        "import logging, warnings\nlogging.disable()\nwarnings.simplefilter('error')\n",
        "import gc, signal, socket\ngc.disable()\nsocket.setdefaulttimeout(0)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
        "\0",
        "# coding: no-such-code\n",
        "x = '\xe9'\n",
        "class Odd:\n    @property\n    def __class__(self):\n        raise RuntimeError\nodd = Odd()\n",
    ],
)
def test_whatever_a_file_does_the_next_is_loaded_as_if_it_were_alone(tmp_path: Path, spoils: str) -> None:
    (tmp_path / "a_spoils.py").write_text(f"# airflow dag\n{spoils}", encoding="latin-1")
    write(
        tmp_path,
        b_good="import gc, json, logging, os, signal, socket, sys, warnings\n"
        "warnings.warn('only told')\n"
        "assert os.environ and sys.stdout and gc.isenabled() and not logging.root.manager.disable\n"
        "assert socket.getdefaulttimeout() is None and sys.getrecursionlimit() > 80\n"
        "assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN\n" + EMPTY_DAG.format(dag_id="b"),
    )
    before = Path.cwd()
    loaded = load_folder(tmp_path)
    assert list(loaded.dags) == ["b"]
    assert Path.cwd() == before


def test_a_file_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    text = "# coding: latin-1\nNAME = 'd\xe9'\n" + EMPTY_DAG.format(dag_id="a").replace(
        "None", "None, description=NAME"
    )
    (tmp_path / "file.py").write_text(text, encoding="latin-1")
    loaded = load_folder(tmp_path)
    assert loaded.dags["a"].description == "d\xe9"
    assert loaded.files[0].source == text


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT", "0.05")
    message = failure_of(tmp_path, "while True:  # airflow dag\n    pass\n")
    assert "AirflowTaskTimeout: took longer than 0:00:00.050000 to load" in message


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        (
            "import sklearn",
            "; put scikit-learn into requirements.txt in the DAGs folder, or the module sklearn into that "
            "folder or the plugins folder",
        ),
        (
            "import google.cloud.storage",
            "; put google-cloud-PRODUCT into requirements.txt in the DAGs folder, or the module google into "
            "that folder or the plugins folder",
        ),
        ("import beside.nothing", ""),
    ],
)
def test_a_missing_package_is_named_with_how_to_get_it(tmp_path: Path, statement: str, advice: str) -> None:
    (tmp_path / "beside").mkdir()
    message = failure_of(tmp_path, f"{statement}  # airflow dag\n")
    assert message.startswith("line 1: ModuleNotFoundError: No module named ")
    assert message.partition("; ")[2] == advice.removeprefix("; ")


def test_what_an_airflowignore_names_is_no_dag_file(tmp_path: Path) -> None:
    names = ("a.py", "a_test.py", "team/a.py", "team/old/a.py", "team/deep/old/a.py", "other/b.py", "x/b.py")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from airflow import DAG")
    (tmp_path / ".airflowignore").write_text("_test\\.py$  # tests\n\n# all of it: .*\n[broken\n^x$\n")
    (tmp_path / "team" / ".airflowignore").write_text("old\n^team$\nb\\.py")
    found = [path.relative_to(tmp_path).as_posix() for path in dag_files(tmp_path)]
    assert found == ["a.py", "other/b.py", "team/a.py"]  # as Airflow 2.10.5 finds them
