"""``variables``: Airflow's variables, which DAG files see after ``AIRFLOW_VAR_…`` of the environment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chalicelib.cli.engine import connect, with_stored_secrets
from chalicelib.cli.output.rows import output_option, show

if TYPE_CHECKING:
    from chalicelib.domain.variables import StoredVariable, Variables

_OVERWRITE, _FAIL, _SKIP = ("overwrite", "fail", "skip")


@click.group(invoke_without_command=True)
@click.option("--set", "-s", "wanted", type=(str, str), metavar="KEY VALUE", help="Create or change one.")
@click.option("--get", "-g", "key", metavar="KEY", help="Print the value of one.")
@click.option("--json", "-j", "as_json", is_flag=True, help="With --get: the value is JSON.")
@click.option("--default", "-d", metavar="VALUE", help="With --get: what to print if there is none.")
@click.option("--delete", "-x", "doomed", metavar="KEY", help="Delete one.")
@click.option("--import", "-i", "source", type=click.Path(path_type=Path), help="Import a JSON file.")
@click.option("--export", "-e", "target", type=click.Path(path_type=Path), help="Export to a JSON file.")
@click.pass_context
def variables(
    context: click.Context,
    wanted: tuple[str, str] | None,
    key: str | None,
    as_json: bool,
    default: str | None,
    doomed: str | None,
    source: Path | None,
    target: Path | None,
) -> None:
    """Look after variables. The options are those of 1.10, for use without a command; without any, list.

    Example: python -m chalicelib variables -s city Ulm
    """
    if context.invoked_subcommand is not None:
        if any((wanted, key, as_json, default, doomed, source, target)):
            raise click.UsageError("Options of 1.10 take no command after them")
    elif wanted is not None:
        context.invoke(set_variable, key=wanted[0], value=wanted[1])
    elif key is not None:
        context.invoke(get_variable, key=key, default=default, as_json=as_json)
    elif doomed is not None:
        context.invoke(delete_variable, key=doomed)
    elif source is not None:
        context.invoke(import_variables, file=source)
    elif target is not None:
        context.invoke(export_variables, file=target)
    else:
        click.echo("\n".join(_keys()))


@variables.command("list")
@output_option
def list_variables(output: str) -> None:
    """List the keys of the stored variables.

    Example: python -m chalicelib variables list
    """
    show([{"key": key} for key in _keys()], output)


@variables.command("get")
@click.argument("key")
@click.option("--default", "-d", metavar="VALUE", help="What to print if there is none.")
@click.option("--json", "-j", "as_json", is_flag=True, help="The value is JSON: print what it says.")
def get_variable(key: str, default: str | None, as_json: bool) -> None:
    """Print the value of a variable as a DAG file here would get it: AIRFLOW_VAR_KEY comes first.

    Example: python -m chalicelib variables get city --default Berlin
    """
    from chalicelib.authoring.notset import NOTSET
    from chalicelib.authoring.surroundings.variables import Variable

    with _stored():
        try:
            value = Variable.get(key, NOTSET if default is None else default, deserialize_json=as_json)
        except KeyError as error:
            raise click.ClickException(str(error.args[0])) from None
        except ValueError:
            raise click.ClickException(f"The value of variable {key} is no JSON") from None
        click.echo(value)


@variables.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--description", help="What it is for.")
@click.option("--json", "-j", "as_json", is_flag=True, help="Keep the value as a JSON text.")
def set_variable(key: str, value: str, description: str | None = None, as_json: bool = False) -> None:
    """Create a variable, or change the one of that key.

    Example: python -m chalicelib variables set city Ulm --description 'where it is'
    """
    from chalicelib.authoring.surroundings.variables import Variable

    with _stored():
        Variable.set(key, value, description, serialize_json=as_json)
    click.echo(f"Variable {key} created")


@variables.command("delete")
@click.argument("key")
def delete_variable(key: str) -> None:
    """Delete a variable; one that is gone is no error. Asks nothing, as Airflow's.

    Example: python -m chalicelib variables delete city
    """
    with _stored() as store:
        store.delete(key)
    click.echo(f"Variable {key} deleted")


@variables.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def export_variables(file: Path) -> None:
    """Write all variables to a JSON file, or with - to standard output; secrets, too.

    Example: python -m chalicelib variables export variables.json
    """
    with _stored() as store:
        document = {variable.key: _parsed(variable.value) for variable in store.list()}
    with click.open_file(str(file), "w", encoding="utf-8") as written:
        written.write(json.dumps(document, sort_keys=True, indent=4) + "\n")
    click.echo(f"{len(document)} variables successfully exported to {file}", err=str(file) == "-")


@variables.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--action-on-existing-key",
    "-a",
    "action",
    type=click.Choice((_OVERWRITE, _FAIL, _SKIP)),
    default=_OVERWRITE,
    show_default=True,
    help="What to do with a key that is there.",
)
def import_variables(file: Path, action: str = _OVERWRITE) -> None:
    """Create or change the variables of a JSON file: {"KEY": "VALUE"}.

    A value that is no text is kept as JSON.

    Example: python -m chalicelib variables import variables.json
    """
    wanted = _variables_of(file)
    with _stored() as store:
        existing = set() if action == _OVERWRITE else {each.key for each in wanted if store.get(each.key)}
        if existing and action == _FAIL:
            raise click.ClickException(f"Failed. These keys: {sorted(existing)} already exists.")
        for variable in wanted:
            if variable.key not in existing:
                store.save(variable)
    click.echo(f"{len(wanted) - len(existing)} of {len(wanted)} variables successfully updated.")
    if existing:
        keys = sorted(existing)
        click.echo(f"The variables with these keys: {keys} were skipped because they already exists")


def _keys() -> list[str]:
    with _stored() as store:
        return sorted(variable.key for variable in store.list())


@contextmanager
def _stored() -> Iterator["Variables"]:
    """The variables of the stage, for Airflow's ``Variable`` too."""
    engine = connect()
    with with_stored_secrets(engine):
        yield engine.store.variables


def _variables_of(file: Path) -> "list[StoredVariable]":
    """The variables of a file, all of them looked at before the first is made."""
    from chalicelib.domain.variables import checked_variable

    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.ClickException(f"Missing variables file {file}") from None
    except ValueError:
        raise click.ClickException(
            f"Invalid variables file {file}: it has to hold a JSON object of variables by key"
        ) from None
    if not isinstance(document, dict):
        raise click.ClickException(f"{file} has to hold a JSON object of variables by key")
    return [checked_variable(key, _text(value)) for key, value in document.items()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def _parsed(text: str) -> Any:
    """What the text says as JSON, or the text itself (Airflow's rule)."""
    try:
        return json.loads(text)
    except ValueError:
        return text
