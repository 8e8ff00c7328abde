"""``connections`` in both of Airflow's spellings, over an engine in memory."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chalicelib import bootstrap
from chalicelib.cli import updraft
from chalicelib.domain.connections import StoredConnection
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.engines import engine_in_memory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

RECORDED = json.loads((Path(__file__).parent / "airflow_connections_commands.json").read_text())
"""Commands given to Airflow 2.10.5 one after the other, with a Fernet key, and what it said and wrote."""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    monkeypatch.setenv("UPDRAFT__AWS__STAGE", "dev")  # so that no local server is looked for
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    seconds = count()
    made = engine_in_memory(lambda: NOON + timedelta(seconds=next(seconds)))
    with bootstrap.use(engine=made, settings=Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})):
        yield made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(updraft, ["connections", *arguments])


def output(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_commands_say_and_write_what_airflows_do(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in RECORDED["environment"].items():
        monkeypatch.setenv(name, value)
    for name, text in RECORDED["files"].items():
        (tmp_path / name).write_text(text)
    for recorded in RECORDED["commands"]:
        result = run(*recorded["command"].split(" "))
        said = re.sub(r'"id": "\d+"', '"id": "N"', result.stdout)
        refusal = f"Error: {recorded['refusal']}\n" if recorded["refusal"] else ""
        assert said == recorded["out"], recorded["command"]
        assert result.exit_code == (1 if refusal else 0), recorded["command"]
        if refusal:
            assert result.stderr == refusal, recorded["command"]
        for name, text in recorded["files"].items():
            assert (tmp_path / name).read_text() == text, recorded["command"]


def test_a_table_shows_each_field_of_a_connection(engine: Engine) -> None:
    output("add", "db", "--conn-uri", "postgres://ada:secret@db.example:5432/sales")
    (stored,) = engine.store.connections.list()
    head, line, row = output("list").splitlines()
    assert head.replace(" ", "").split("|") == [
        *("id", "conn_id", "conn_type", "description", "host", "schema", "login", "password", "port"),
        *("is_encrypted", "is_extra_encrypted", "extra_dejson", "get_uri"),
    ]
    assert set(line) == {"=", "+"}
    assert [cell.strip() for cell in row.split("|")][:3] == [str(stored.id), "db", "postgres"]


def test_the_options_of_1_10_do_the_same(engine: Engine) -> None:
    assert output("-a", "--conn_id", "db", "--conn_uri", "postgres://ada@h/s") == (
        "Successfully added `conn_id`=db : postgres://ada@h/s\n"
    )
    output("-a", "--conn_id", "web", "--conn_type", "http", "--conn_host", "h", "--conn_port", "80")
    assert [each.conn_id for each in engine.store.connections.list()] == ["db", "web"]
    assert output("-l") == output("list")
    assert output("-d", "--conn_id", "db") == "Successfully deleted connection with `conn_id`=db\n"
    assert [each.conn_id for each in engine.store.connections.list()] == ["web"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-l", "list"), "Options of 1.10 take no command after them"),
        (("-a",), "--conn_id is missing"),
        (("-a", "-d", "--conn_id", "db"), "Give a command, or one of --list, --add and --delete"),
        ((), "Give a command"),
        (("add", "db", "--conn-type", "x", "--conn-port", "abc"), "abc"),
    ],
)
def test_wrong_usage_is_told(engine: Engine, arguments: tuple[str, ...], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert list(engine.store.connections.list()) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "it cannot be read: JSONDecodeError"),
        ("a.json", "", "The file is empty."),
        ("a.json", "[]", "The file should contain the object."),
        ("a.json", '{"ok": "x://h", "k": {"nope": "s3cr3t"}}', "The object have illegal keys: nope."),
        ("a.json", '{"k": {"extra": "{}", "extra_dejson": {}}}', "mutually exclusive"),
        ("a.json", '{"k": ["x://h", "x://i"]}', "Found multiple values for k"),
        ("a.yaml", "a: [", "it cannot be read: "),
        ("a.env", "a=x://h\na=x://i", "Found multiple values for a"),
        ("a.env", "s3cr3t", 'line 1 should contain at least one equal sign ("=")'),
        ("a.env", "a=x://h\nk=x://h:s3cr3t", "The connection k cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    engine: Engine, tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    assert says in refused("import", name)
    assert list(engine.store.connections.list()) == []


def test_what_is_exported_is_imported_again(engine: Engine, tmp_path: Path) -> None:
    output("add", "db", "--conn-uri", "postgres://ada:se%2Fcret@h:1/s?a=b", "--conn-description", "shop")
    output("add", "bare", "--conn-type", "x")
    before = [*engine.store.connections.list()]
    for extension, *options in (("json",), ("yaml",), ("env", "--serialization-format", "json")):
        output("export", f"all.{extension}", *options)
        for each in before:
            engine.store.connections.delete(each.conn_id)
        output("import", f"all.{extension}")
        after = {each.conn_id: each for each in engine.store.connections.list()}
        assert [after[each.conn_id].password for each in before] == [each.password for each in before]
        assert [after[each.conn_id].extra for each in before] == [each.extra for each in before]
        assert [after[each.conn_id].description for each in before] == ["shop", None]


def test_an_exported_file_is_for_its_user_alone(engine: Engine, tmp_path: Path) -> None:
    output("add", "db", "--conn-uri", "postgres://ada:secret@h")
    output("export", "all.json")
    assert (tmp_path / "all.json").stat().st_mode & 0o077 == 0


def test_a_connection_keeps_its_id_and_password_when_it_is_overwritten(
    engine: Engine, tmp_path: Path
) -> None:
    engine.store.connections.save(StoredConnection(conn_id="db", id=7, conn_type="x", password="secret"))
    (tmp_path / "a.env").write_text("db=postgres://h")
    assert output("import", "a.env", "--overwrite") == "Imported connection db\n"
    found = engine.store.connections.get("db")
    assert found is not None
    assert (found.id, found.conn_type, found.host, found.password) == (7, "postgres", "h", "secret")


def test_a_test_is_for_where_it_is_enabled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    output("add", "db", "--conn-uri", "postgres://h")
    assert "Testing connections is disabled" in refused("test", "db")
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    said = output("test", "db")
    assert said.startswith("Retrieving connection: 'db'\n\nTesting...\n\nConnection failed!\n")
    assert 'Unknown hook type "postgres"' in said
    result = run("test", "nope")
    assert (result.exit_code, result.stderr) == (1, "Error: Connection not found.\n")


def test_defaults_are_refused_with_what_to_do(engine: Engine) -> None:
    assert "'connections add'" in refused("create-default-connections")


def test_the_key_is_changed_for_all(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[bool] = []
    monkeypatch.setattr(engine.store.connections, "rotate_fernet_key", lambda: changed.append(True))
    result = CliRunner().invoke(updraft, ["rotate-fernet-key"])
    assert (result.exit_code, result.output, changed) == (0, "", [True])
