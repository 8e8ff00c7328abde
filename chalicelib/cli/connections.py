"""``connections``: Airflow's connections, and the key that encrypts their secrets."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from chalicelib.cli.airflow_cfg import Configuration
from chalicelib.cli.connection_files import exported, imported
from chalicelib.cli.engine import connect, with_stored_secrets
from chalicelib.cli.output.rows import Row, output_option, show
from chalicelib.cli.user_packages import use_packages_of
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.authoring.surroundings.connections import Connection
    from chalicelib.domain.connections import StoredConnection
    from chalicelib.engine.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])

_FIELDS = ("conn_type", "host", "login", "password", "schema", "port", "extra")


_HELP = {
    "uri": "The whole connection as a URI.",
    "json": "The whole connection as JSON.",
    "description": "What it is for.",
    "type": "Its type, such as postgres.",
    "host": "Host.",
    "login": "Login.",
    "password": "Password.",
    "schema": "Schema, or database.",
    "port": "Port.",
    "extra": "More, as a JSON object.",
}
"""What gives a connection's fields; 1.10 has no JSON and no description."""


def _field_options(*, of_1_10: bool) -> Callable[[Command], Command]:
    """Options for the fields, with underscores in them as 1.10 spells them, or with hyphens."""
    names = [name for name in _HELP if not (of_1_10 and name in ("json", "description"))]

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            flag = f"--conn_{name}" if of_1_10 else f"--conn-{name}"
            kind = int if name == "port" else str
            command = click.option(flag, f"conn_{name}", type=kind, help=_HELP[name])(command)
        return command

    return decorate


@click.group(invoke_without_command=True)
@click.option("--list", "-l", "wants_list", is_flag=True, help="List all connections.")
@click.option("--add", "-a", "wants_add", is_flag=True, help="Add one, --conn_id.")
@click.option("--delete", "-d", "wants_delete", is_flag=True, help="Delete one, --conn_id.")
@click.option("--conn_id", help="With --add and --delete: which one.")
@_field_options(of_1_10=True)
@click.pass_context
def connections(
    context: click.Context,
    /,
    wants_list: bool,
    wants_add: bool,
    wants_delete: bool,
    conn_id: str | None,
    **given: Any,
) -> None:
    """Look after connections. The options are those of 1.10, for use without a command.

    Example: python -m chalicelib connections -a --conn_id db --conn_uri postgres://ada@db.example/sales
    """
    asked = [wants_list, wants_add, wants_delete]
    if context.invoked_subcommand is not None:
        if any(asked) or conn_id or any(value is not None for value in given.values()):
            raise click.UsageError("Options of 1.10 take no command after them")
        return
    if sum(asked) != 1:
        raise click.UsageError("Give a command, or one of --list, --add and --delete (as in 1.10)")
    if wants_list:
        context.invoke(list_connections, conn_id=None, output="table")
    elif conn_id is None:
        raise click.UsageError("--conn_id is missing")
    elif wants_add:
        context.invoke(add_connection, conn_id=conn_id, conn_json=None, conn_description=None, **given)
    else:
        context.invoke(delete_connection, conn_id=conn_id)


@connections.command("list")
@click.option("--conn-id", help="Show this one only.")
@output_option
def list_connections(conn_id: str | None, output: str) -> None:
    """List the stored connections, with their passwords (as Airflow does).

    Example: python -m chalicelib connections list -o json
    """
    with _stored() as engine:
        if conn_id is None:
            found = sorted(engine.store.connections.list(), key=lambda each: each.id)
        else:
            found = [each for each in (engine.store.connections.get(conn_id),) if each]
        show([_row(each) for each in _as_airflows(found)], output)


@connections.command("get")
@click.argument("conn_id")
@output_option
def get_connection(conn_id: str, output: str) -> None:
    """Show a connection as a DAG file here would get it: of the secrets backend, the environment, the store.

    Example: python -m chalicelib connections get db
    """
    from chalicelib.authoring.exceptions import AirflowNotFoundException
    from chalicelib.authoring.surroundings.connections import Connection

    with _stored():
        try:
            found = Connection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            raise click.ClickException("Connection not found.") from None
    show([_row(found)], output)


@connections.command("add")
@click.argument("conn_id")
@_field_options(of_1_10=False)
def add_connection(conn_id: str, **given: Any) -> None:
    """Add a connection, by its URI, as JSON or by its fields; one that is there is not changed.

    Example: python -m chalicelib connections add db --conn-uri postgres://ada@db.example/sales
    """
    _check_id(conn_id)
    connection = _wanted(conn_id, given)
    with _stored() as engine:
        if not engine.store.connections.add(_as_stored(engine, connection)):
            raise click.ClickException(f"A connection with `conn_id`={conn_id} already exists.")
    click.echo(f"Successfully added `conn_id`={conn_id} : {given['conn_uri'] or _shown_uri(connection)}")


@connections.command("delete")
@click.argument("conn_id")
def delete_connection(conn_id: str) -> None:
    """Delete a connection.

    Example: python -m chalicelib connections delete db
    """
    with _stored() as engine:
        if engine.store.connections.get(conn_id) is None:
            raise click.ClickException(f"Did not find a connection with `conn_id`={conn_id}")
        engine.store.connections.delete(conn_id)
    click.echo(f"Successfully deleted connection with `conn_id`={conn_id}")


@connections.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--file-format", type=click.Choice(("json", "yaml", "env")), help="Format, whatever the name.")
@click.option("--format", "old_format", type=click.Choice(("json", "yaml", "env")), help="As --file-format.")
@click.option(
    "--serialization-format",
    type=click.Choice(("json", "uri"), case_sensitive=False),
    help="How a line of an env file says a connection (default: uri).",
)
def export_connections(
    file: Path, file_format: str | None, old_format: str | None, serialization_format: str | None
) -> None:
    """Write all connections to a file, or with - to standard output; passwords, too.

    Example: python -m chalicelib connections export connections.json
    """
    if file_format and old_format:
        raise click.ClickException("Option `--format` is deprecated.  Use `--file-format` instead.")
    is_stdout = str(file) == "-"
    wanted = file_format or old_format or ("json" if is_stdout else file.suffix.lower().removeprefix("."))
    with _stored() as engine:
        found = sorted(engine.store.connections.list(), key=lambda each: each.conn_id)
        text = exported(list(_as_airflows(found)), wanted, serialization_format)
    if is_stdout:
        click.echo(text, nl=False)
        click.echo(f"\n{len(found)} Connections successfully exported.", err=True)
        return
    # A new file is for its user alone, for it has the passwords in plain.
    with open(file, "w", encoding="utf-8", opener=partial(os.open, mode=0o600)) as written:
        written.write(text)
    click.echo(f"{len(found)} Connections successfully exported to {file}.")


@connections.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Change those that are there.")
def import_connections(file: Path, overwrite: bool) -> None:
    """Add the connections of a file (.json, .yaml, .yml, .env), as export writes it.

    Example: python -m chalicelib connections import connections.json
    """
    wanted = imported(file)
    with _stored() as engine:
        for conn_id, connection in wanted.items():
            click.echo(_import(engine, conn_id, connection, overwrite=overwrite))


@connections.command("test")
@click.argument("conn_id")
def test_connection(conn_id: str) -> None:
    """Test a connection by the hook of its type, if [core] test_connection is Enabled.

    Example: python -m chalicelib connections test db
    """
    from chalicelib.authoring.exceptions import AirflowNotFoundException
    from chalicelib.authoring.surroundings.connections import Connection
    from chalicelib.user_code.provider_packages import try_connection
    from chalicelib.user_code.runner import own_environment

    enabled = Configuration.read().get("core", "test_connection") or "Disabled"
    if enabled.strip().lower() != "enabled":
        raise click.ClickException(
            "Testing connections is disabled in Airflow configuration. Contact your deployment admin to "
            "enable it."
        )
    click.echo(f"Retrieving connection: {conn_id!r}")
    with _stored():
        try:
            connection = Connection.get_connection_from_secrets(conn_id)
        except AirflowNotFoundException:
            raise click.ClickException("Connection not found.") from None
    click.echo("\nTesting...")
    use_packages_of(Settings.from_environ().dags_folder)
    worked, message = try_connection(own_environment(), conn_id, connection.as_json())
    click.echo("\nConnection success!\n" if worked else f"\nConnection failed!\n{message}\n")


@connections.command("create-default-connections")
def create_default_connections() -> None:
    """Refused: Airflow's defaults are of its provider packages, and lead to its own machine.

    Example: python -m chalicelib connections create-default-connections
    """
    raise click.ClickException(
        "Airflow's default connections are not offered: they name servers on the machine of Airflow. Add "
        "those that your DAGs use by 'connections add'"
    )


@click.command("rotate-fernet-key")
def rotate_fernet_key() -> None:
    """Encrypt the secrets of all connections anew, with the first key of [core] fernet_key.

    Example: python -m chalicelib rotate-fernet-key
    """
    connect().store.connections.rotate_fernet_key()


@contextmanager
def _stored() -> "Iterator[Engine]":
    """The engine of the stage, whose connections Airflow's ``Connection`` finds, too."""
    engine = connect()
    with with_stored_secrets(engine):
        yield engine


def _row(connection: "Connection") -> Row:
    return {
        "id": connection.id,
        "conn_id": connection.conn_id,
        "conn_type": connection.conn_type,
        "description": connection.description,
        "host": connection.host,
        "schema": connection.schema,
        "login": connection.login,
        "password": connection.password,
        "port": connection.port,
        "is_encrypted": connection.is_encrypted,
        "is_extra_encrypted": connection.is_encrypted,  # the password's, as Airflow shows it
        "extra_dejson": connection.extra_dejson,
        "get_uri": connection.get_uri(),
    }


def _as_airflows(found: "Iterable[StoredConnection]") -> "Iterator[Connection]":
    from chalicelib.authoring.surroundings.connections import Connection

    return map(Connection.from_stored, found)


def _as_stored(engine: "Engine", connection: "Connection") -> "StoredConnection":
    """Checked, with a number of its own. Raises ``InvalidRequest``."""
    from chalicelib.domain.connections import StoredConnection, checked_connection
    from chalicelib.domain.runs.dag_runs import new_id

    fields = {name: getattr(connection, name) for name in (*_FIELDS, "conn_id", "description")}
    return checked_connection(StoredConnection(id=new_id(engine.now(), engine.entropy), **fields))


def _check_id(conn_id: str) -> None:
    from chalicelib.domain.connections import check_conn_id
    from chalicelib.domain.errors import InvalidRequest

    try:
        check_conn_id(conn_id)
    except InvalidRequest as error:
        raise click.ClickException(f"Could not create connection. {error}") from None


def _wanted(conn_id: str, given: dict[str, Any]) -> "Connection":
    """The connection that the options of ``add`` say, refused with Airflow's texts."""
    from chalicelib.authoring.surroundings.connections import Connection

    uri, document, extra = given["conn_uri"], given["conn_json"], given["conn_extra"]
    _refuse_mixed(uri, document, given)
    if uri:
        connection = _readable(lambda: Connection(conn_id, description=given["conn_description"], uri=uri))
    elif document:
        connection = _readable(lambda: Connection.from_json(document, conn_id))
        if not connection.conn_type:
            raise click.ClickException("conn-json is invalid; must supply conn-type")
    else:
        names = ("conn_type", "description", "host", "login", "password", "schema", "port")
        fields = {name: given[name if name == "conn_type" else f"conn_{name}"] for name in names}
        connection = Connection(conn_id, **fields)
    if extra is not None:
        connection.set_extra(extra)
    return connection


def _refuse_mixed(uri: str | None, document: str | None, given: dict[str, Any]) -> None:
    if not (given["conn_type"] or uri or document):
        raise click.ClickException("Must supply either conn-uri or conn-json if not supplying conn-type")
    if uri and document:
        raise click.ClickException("Cannot supply both conn-uri and conn-json")
    if not (uri or document):
        return
    if uri and not urlsplit(uri).scheme:
        raise click.ClickException(f"The URI provided to --conn-uri is invalid: {uri}")
    names = ("conn_type", "conn_host", "conn_login", "conn_password", "conn_schema", "conn_port")
    others = [name for name in names if given[name] is not None]
    if document and given["conn_extra"]:
        others.append("--conn-extra")
    if others:
        flag = "uri" if uri else "json"
        raise click.ClickException(
            f"The following args are not compatible with the --conn-{flag} flag: {others!r}"
        )


def _readable(make: "Callable[[], Connection]") -> "Connection":
    """What ``make`` gives; what cannot be read is refused with the reason."""
    from chalicelib.authoring.exceptions import AirflowException

    try:
        return make()
    except (AirflowException, AttributeError, TypeError, ValueError) as error:
        raise click.ClickException(f"The connection cannot be read: {error}") from None


def _shown_uri(connection: "Connection") -> str:
    """As Airflow tells of a connection that it has added: without its password."""
    hidden = "******" if connection.password else ""
    who = f"{connection.login or ''}:{hidden}"
    where = f"{who}@{connection.host or ''}:{connection.port or ''}"
    schema = f"/{connection.schema}" if connection.schema else ""
    return f"{connection.conn_type}://{where}{schema}"


def _import(engine: "Engine", conn_id: str, connection: "Connection", *, overwrite: bool) -> str:
    from chalicelib.domain.connections import check_conn_id
    from chalicelib.domain.errors import InvalidRequest

    store = engine.store.connections
    try:
        check_conn_id(conn_id)
        wanted = _as_stored(engine, connection)
    except InvalidRequest as error:
        return f"Could not import connection. {error}"
    if not store.add(wanted):
        if not overwrite:
            return f"Could not import connection {conn_id}: connection already exists."
        store.save(_in_place_of(store.get(conn_id), wanted))
    return f"Imported connection {conn_id}"


def _in_place_of(standing: "StoredConnection | None", wanted: "StoredConnection") -> "StoredConnection":
    """With the number of the one that stands; its password stays unless there is another, as in Airflow."""
    from dataclasses import replace

    if standing is None:
        return wanted
    return replace(wanted, id=standing.id, password=wanted.password or standing.password)
