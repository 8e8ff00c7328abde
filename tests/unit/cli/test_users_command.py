"""``users``, by Click's own runner: passwords come from standard input there, or from a terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.auth.passwords import matches
from chalicelib.cli import updraft
from chalicelib.engine.ports.store import Store
from chalicelib.settings import Settings
from tests.scripted.engines import engine_in_memory

NOT_LOCAL = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev", "UPDRAFT__API__BCRYPT_COST": "4"})


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    engine = engine_in_memory(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    with bootstrap.use(engine=engine, settings=NOT_LOCAL):
        yield engine.store


def users(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(updraft, ["users", *arguments], input=stdin)


def kept(store: Store, username: str) -> str:
    user = store.users.get(username)
    assert user
    return user.password_hash


@pytest.mark.parametrize("stdin", ["secret", "secret\n", "secret\r\n", "secret\nignored\n"])
def test_a_user_is_created_with_the_first_line_of_standard_input(store: Store, stdin: str) -> None:
    result = users("create", "ada", stdin=stdin)
    assert (result.exit_code, result.output) == (0, "User ada created\n")
    assert matches("secret", kept(store, "ada"))
    assert kept(store, "ada").startswith("$2b$04$")  # the cost that is set


def test_a_password_may_hold_blanks_and_any_letters(store: Store) -> None:
    users("create", "zoë", stdin=" pässwörd: \n")
    assert matches(" pässwörd: ", kept(store, "zoë"))


def test_a_name_is_taken_once(store: Store) -> None:
    users("create", "ada", stdin="secret")
    result = users("create", "ada", stdin="other")
    assert (result.exit_code, result.output) == (1, "Error: User ada already exists\n")
    assert matches("secret", kept(store, "ada"))


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "x" * 251])
def test_a_name_that_nobody_could_give_is_refused(store: Store, name: str) -> None:
    result = users("create", name, stdin="secret")
    assert result.exit_code == 1
    assert "A user name takes" in result.output


@pytest.mark.parametrize("password", ["", "\n", "x" * 1025, "tab\there", b"\xff\xfe"])
def test_a_password_that_nobody_could_give_is_refused(store: Store, password: str | bytes) -> None:
    result = users("create", "ada", stdin=password)
    assert result.exit_code == 1
    assert "password" in result.output
    assert store.users.get("ada") is None


def test_users_are_listed_by_name_without_their_passwords(store: Store) -> None:
    for name in ("zoe", "ada"):
        users("create", name, stdin="secret")
    lines = users("list").output.splitlines()
    assert [line.split(" | ")[0].rstrip() for line in lines[2:]] == ["ada", "zoe"]
    assert [user["username"] for user in json.loads(users("list", "-o", "json").output)] == ["ada", "zoe"]
    assert all("$" not in line for line in lines)


def test_a_password_is_set_anew(store: Store) -> None:
    users("create", "ada", stdin="secret")
    assert users("set-password", "ada", stdin="other").output == "Password of ada set\n"
    assert matches("other", kept(store, "ada"))


@pytest.mark.parametrize("command", ["set-password", "delete"])
def test_nobody_is_changed_who_is_not_there(store: Store, command: str) -> None:
    result = users(command, "eve", stdin="secret")
    assert (result.exit_code, result.output) == (1, "Error: User eve not found\n")


def test_a_user_is_deleted(store: Store) -> None:
    users("create", "ada", stdin="secret")
    assert users("delete", "ada").output == "User ada deleted\n"
    assert store.users.get("ada") is None


@pytest.mark.parametrize("command", ["create", "set-password"])
def test_a_password_is_no_argument(store: Store, command: str) -> None:
    for arguments in (["ada", "secret"], ["ada", "--password", "secret"]):
        assert users(command, *arguments).exit_code == 2


def test_a_cost_that_bcrypt_does_not_take_is_a_setting_error() -> None:
    with pytest.raises(ValueError, match="UPDRAFT__API__BCRYPT_COST"):
        Settings.from_environ({"UPDRAFT__API__BCRYPT_COST": "3"})


def test_the_settings_of_passwords_have_stated_defaults() -> None:
    settings = Settings.from_environ({})
    assert (settings.bcrypt_cost, settings.auth_cache_seconds) == (12, 60)
