"""What a try leaves in a temporary folder that is nobody else's is removed; any other is left alone."""

import os
from pathlib import Path

import pytest

from chalicelib.user_code.scratch import Leftovers, scratch_folder, shared_temporary_folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_came_after_the_beginning_goes_and_what_was_there_stays(tmp_path: Path) -> None:
    folder, outside = tmp_path / "tmp", tmp_path / "outside"
    for path in (folder / "of_the_file" / "deep", outside):
        path.mkdir(parents=True)
    (outside / "file").touch()
    (folder / "before").touch()
    leftovers = Leftovers(folder)
    leftovers.begin()
    (folder / "file").write_text("x")
    (folder / "of_the_file" / "deep" / "more").touch()
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "file").touch()
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "new").chmod(0)
    leftovers.remove()
    assert names(folder) == ["before", "of_the_file", "of_the_file/deep"]
    assert names(outside) == ["file"]


def test_without_a_beginning_nothing_goes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Leftovers(tmp_path).remove()
    assert names(tmp_path) == ["file"]


def test_a_scratch_folder_goes_although_what_is_in_it_may_not_be_read(tmp_path: Path) -> None:
    with scratch_folder() as folder:
        (folder / "closed" / "deep").mkdir(parents=True)
        (folder / "closed" / "deep" / "file").touch()
        for path in (folder / "closed" / "deep" / "file", folder / "closed" / "deep", folder / "closed"):
            path.chmod(0)
    assert not folder.exists()


@pytest.mark.parametrize("root", [None, "/var/task", "/srv/unpacked"])
def test_no_folder_of_this_machine_counts_as_a_functions_own(
    root: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for who emulates Lambda on it: the code is not where Lambda has it."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "updraft-dev-worker")
    if root is not None:
        monkeypatch.setenv("LAMBDA_TASK_ROOT", root)
    assert shared_temporary_folder() is None
