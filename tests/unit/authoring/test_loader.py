"""Loading DAG files: what counts as one, and how a broken one is reported."""

import sys
from pathlib import Path

import pytest

from chalicelib.authoring.loading.loader import (
    DagFileError,
    ImportFailure,
    dag_of_file,
    load_file,
    load_folder,
)

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
        (
            "from airflow import DAG\na = DAG('x', schedule=None)\nb = DAG('x', schedule=None)\n",
            "AirflowDagDuplicatedIdException: the file defines two DAGs with the id x",
        ),
    ],
)
def test_a_broken_file_is_a_failure_that_says_why(tmp_path: Path, text: str, message: str) -> None:
    found = failure_of(tmp_path, text)
    assert found.startswith(message)
    assert str(tmp_path) not in found
    assert "/etc" not in found


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


def test_the_second_file_with_a_dag_id_fails(tmp_path: Path) -> None:
    write(tmp_path, one=EMPTY_DAG.format(dag_id="same"), two=EMPTY_DAG.format(dag_id="same"))
    loaded = load_folder(tmp_path)
    assert [file.filename for file in loaded.files] == ["one.py"]
    assert loaded.failures == (
        ImportFailure(
            filename="two.py",
            message="AirflowDagDuplicatedIdException: the DAG same is defined in one.py too",
        ),
    )


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


def test_a_dag_is_found_as_its_file_defines_it_now(tmp_path: Path) -> None:
    write(tmp_path, file=EMPTY_DAG.format(dag_id="one"))
    assert dag_of_file("one", "file.py", tmp_path) is not None
    write(tmp_path, file=EMPTY_DAG.format(dag_id="other"))
    assert dag_of_file("one", "file.py", tmp_path) is None
    assert dag_of_file("other", "file.py", tmp_path) is not None
    (tmp_path / "file.py").unlink()
    assert dag_of_file("other", "file.py", tmp_path) is None


def test_a_deployed_file_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    write(tmp_path, file="raise ValueError('no')\n")
    with pytest.raises(DagFileError, match=r"^file.py cannot be loaded: line 1: ValueError: no$"):
        dag_of_file("one", "file.py", tmp_path)
