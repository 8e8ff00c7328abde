"""The state folder: whose it is, and what it tells the command line of the running server."""

import os
import stat
from pathlib import Path

import pytest

from chalicelib.local.state_folder import Endpoint, StateFolder, StateFolderUnusable, published_endpoint

HERE = Endpoint(url="http://127.0.0.1:4566", access_key_id="LOCAL1", secret_access_key="of-this-start")


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_new_folder_and_what_is_in_it_are_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = StateFolder(tmp_path / "new" / "state")
        folder.publish_endpoint(HERE)
    finally:
        os.umask(before)
    assert mode(folder.path) == "0o700"
    assert {path.name: mode(path) for path in folder.path.iterdir()} == {
        "endpoint": "0o600",
        "endpoint.key": "0o600",
        "lock": "0o600",
    }
    folder.release()


def test_an_existing_folder_of_an_earlier_version_is_narrowed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "objects").mkdir(parents=True)
    for path in (state / "snapshot", state / "emulator.log", state / "lock", state / "notes of the user"):
        path.touch(mode=0o644)
        path.chmod(0o644)
    for path in (state, state / "objects"):
        path.chmod(0o755)
    StateFolder(state).release()
    assert {path.name: mode(path) for path in (state, *state.iterdir())} == {
        "state": "0o700",
        "objects": "0o700",
        "snapshot": "0o600",
        "emulator.log": "0o600",
        "lock": "0o600",
        "notes of the user": "0o644",
    }


def test_a_folder_that_all_users_share_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(StateFolderUnusable, match="it is a folder that all users share"):
        StateFolder(shared)
    assert mode(shared) == "0o1777"


def test_a_link_in_the_folder_leads_nobody_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    state = tmp_path / "state"
    state.mkdir()
    for name in ("endpoint.new", "endpoint.key.new", "snapshot"):
        (state / name).symlink_to(elsewhere)
    folder = StateFolder(state)
    folder.publish_endpoint(HERE)
    assert elsewhere.read_text() == ""
    assert mode(elsewhere) == "0o644"
    folder.release()


def test_the_command_line_finds_the_running_server_and_its_key(tmp_path: Path) -> None:
    assert published_endpoint(tmp_path) is None
    folder = StateFolder(tmp_path)
    assert published_endpoint(tmp_path) is None  # it starts
    folder.publish_endpoint(HERE)
    assert published_endpoint(tmp_path) == HERE
    assert HERE.secret_access_key not in repr(HERE)
    folder.release()
    assert published_endpoint(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_what_a_killed_server_left_is_not_taken_for_that_of_one_that_starts(tmp_path: Path) -> None:
    killed = StateFolder(tmp_path)
    killed.publish_endpoint(HERE)
    os.close(killed.lock_fd)
    os.truncate(tmp_path / "lock", 0)
    assert published_endpoint(tmp_path) is None
    starting = StateFolder(tmp_path)
    assert published_endpoint(tmp_path) is None
    starting.release()
