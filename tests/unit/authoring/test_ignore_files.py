"""``.airflowignore`` in both syntaxes, with what Airflow 2.10.5 finds in the same folders."""

from pathlib import Path

import pytest

from chalicelib.authoring.exceptions import AirflowConfigException
from chalicelib.authoring.loading.loader import dag_files
from tests.scripted.loading import load_folder

FILES = (
    *("a.py", "b.py", "test_a.py"),
    *("a/a.py", "a/b.py", "a/sub/a.py", "a/sub/b.py"),
    *("project_x/a.py", "sub/a.py", "sub/deep/b.py"),
)


def folder_of(tmp_path: Path, ignored: dict[str, str]) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# a dag of airflow's\n")
    for place, text in ignored.items():
        (tmp_path / place / ".airflowignore").write_text(text)
    return tmp_path


def left_out(folder: Path) -> set[str]:
    return {*FILES} - {path.relative_to(folder).as_posix() for path in dag_files(folder)}


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        ({"": "project_.*"}, {"project_x/a.py"}),
        ({"": "# all tests\ntest_  # here\n\n"}, {"test_a.py"}),
        ({"": "a/b"}, {"a/b.py"}),
        ({"": "[\n^sub/"}, {"sub/a.py", "sub/deep/b.py"}),
        ({"": "^sub$"}, {"sub/a.py", "sub/deep/b.py"}),
        ({"a": "sub/b"}, {"a/sub/b.py"}),
        ({"a": "^sub"}, set()),
    ],
)
def test_regular_expressions_are_searched_for_in_the_path_from_the_folder_on(
    tmp_path: Path, ignored: dict[str, str], expected: set[str]
) -> None:
    assert left_out(folder_of(tmp_path, ignored)) == expected


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        ({"": "test_*.py"}, {"test_a.py"}),
        ({"": "sub/"}, {"a/sub/a.py", "a/sub/b.py", "sub/a.py", "sub/deep/b.py"}),
        ({"": "/sub"}, {"sub/a.py", "sub/deep/b.py"}),
        ({"": "/a.py"}, {"a.py"}),
        ({"": "a/*.py"}, {"a/a.py", "a/b.py"}),
        ({"": "**/deep"}, {"sub/deep/b.py"}),
        ({"": "a/**/b.py"}, {"a/b.py", "a/sub/b.py"}),
        ({"": "[!ab].py\n?.py\n!b.py"}, {name for name in FILES if name.endswith("/a.py")} | {"a.py"}),
        ({"": "*.py", "sub": "!a.py"}, {*FILES} - {"sub/a.py"}),
        ({"": "sub\n!sub/deep"}, {"a/sub/a.py", "a/sub/b.py", "sub/a.py", "sub/deep/b.py"}),
        ({"a": "/sub/a.py  "}, {"a/sub/a.py"}),
        ({"": "/\n   \n# nothing"}, set()),
    ],
)
def test_globs_are_those_of_gitignore(
    tmp_path: Path, ignored: dict[str, str], expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", "glob")
    assert left_out(folder_of(tmp_path, ignored)) == expected


def test_another_syntax_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", "sql")
    with pytest.raises(AirflowConfigException, match="Unsupported ignore_file_syntax: sql"):
        load_folder(tmp_path)


def test_without_safe_mode_every_file_is_a_dag_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain.py").write_text("x = 1\n")
    assert list(dag_files(tmp_path)) == []
    monkeypatch.setenv("AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE", "False")
    assert list(dag_files(tmp_path)) == [tmp_path / "plain.py"]
