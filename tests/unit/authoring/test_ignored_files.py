"""``.airflowignore``, in both of its syntaxes, as Airflow 2.10.5 reads it."""

from pathlib import Path

import pytest

from chalicelib.authoring.loading.ignored_files import files_not_ignored

FILES = ("a.py", "a_test.py", "deep/a.py", "deep/er/a.py", "deep/er/b.py", "lib/a.py", "lib/keep.py", "x.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def left(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_not_ignored(folder, ".py")]


ALL = ["a.py", "a_test.py", "deep/a.py", "deep/er/a.py", "deep/er/b.py", "lib/a.py", "lib/keep.py"]


@pytest.mark.parametrize(
    ("lines", "ignored"),
    [
        ("", set()),
        ("lib", {"lib/a.py", "lib/keep.py"}),
        ("_test # and no others\n\n# lib\n", {"a_test.py"}),
        ("deep/.*/a\n(", {"deep/er/a.py"}),
        ("^a", {"a.py", "a_test.py"}),
    ],
)
def test_patterns_are_regular_expressions(folder: Path, lines: str, ignored: set[str]) -> None:
    (folder / ".airflowignore").write_text(lines)
    assert left(folder) == [name for name in ALL if name not in ignored]


@pytest.mark.parametrize(
    ("lines", "ignored"),
    [
        ("a.py", {"a.py", "deep/a.py", "deep/er/a.py", "lib/a.py"}),
        ("/a.py", {"a.py"}),
        ("*_test.py\nlib/", {"a_test.py", "lib/a.py", "lib/keep.py"}),
        ("a.py/", set()),
        ("deep/**/[!b].py", {"deep/a.py", "deep/er/a.py"}),
        ("deep/**", {"deep/a.py", "deep/er/a.py", "deep/er/b.py"}),
        ("*.py\n!keep.py", set(ALL) - {"lib/keep.py"}),
    ],
)
def test_patterns_may_be_globs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, lines: str, ignored: set[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", "glob")
    (folder / ".airflowignore").write_text(lines)
    assert left(folder) == [name for name in ALL if name not in ignored]


def test_a_file_counts_in_its_folder_and_below(folder: Path) -> None:
    (folder / "deep" / ".airflowignore").write_text("a")
    assert left(folder) == [name for name in ALL if not (name.startswith("deep/") and name.endswith("a.py"))]
