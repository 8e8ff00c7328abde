"""``pools``: commands about pools, all by way of ``[cli] api_client``, as in Airflow."""

import json
from pathlib import Path
from typing import Any

import click

from chalicelib.cli.client.current import current_client
from chalicelib.cli.client.protocol import PoolArguments
from chalicelib.cli.output.rows import output_option, show

_MOST_SLOTS = 2**31 - 1
"""What Airflow's column holds."""

_LONGEST_NAME = 256

SLOTS = click.IntRange(min=-1, max=_MOST_SLOTS)


@click.group()
def pools() -> None:
    """Look after pools."""


@pools.command("list")
@output_option
def list_pools(output: str) -> None:
    """List the pools.

    Example: python -m chalicelib pools list -o json
    """
    show(current_client().get_pools(), output)


@pools.command("get")
@click.argument("pool")
@output_option
def get_pool(pool: str, output: str) -> None:
    """Show one pool.

    Example: python -m chalicelib pools get default_pool
    """
    show([current_client().get_pool(pool)], output)


@pools.command("set", context_settings={"ignore_unknown_options": True})  # -1 is a number of slots
@click.argument("pool")
@click.argument("slots", type=SLOTS)
@click.argument("description")
@click.option("--include-deferred", is_flag=True, help="Count deferred tasks, too.")
def set_pool(pool: str, slots: int, description: str, include_deferred: bool) -> None:
    """Create a pool, or change the one of that name; -1 slots are no limit.

    Example: python -m chalicelib pools set reports 4 'at most four at a time'
    """
    wanted = PoolArguments(
        name=pool_name(pool), slots=slots, description=description, include_deferred=include_deferred
    )
    current_client().create_pool(wanted)
    click.echo(f"Pool {pool} created")


@pools.command("delete")
@click.argument("pool")
def delete_pool(pool: str) -> None:
    """Delete a pool; what waits for it waits until there is one of that name again. It does not ask.

    Example: python -m chalicelib pools delete reports --yes
    """
    current_client().delete_pool(pool)
    click.echo(f"Pool {pool} deleted")


@pools.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_pools(file: Path) -> None:
    """Write all pools to a JSON file.

    Example: python -m chalicelib pools export pools.json
    """
    found = current_client().get_pools()
    document = {pool["pool"]: {name: pool[name] for name in pool if name != "pool"} for pool in found}
    try:
        file.write_text(json.dumps(document, indent=4) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"Exported {len(found)} pools to {file}")


@pools.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_pools(file: Path) -> None:
    """Create or change the pools of a JSON file: {"NAME": {"slots": 4, "description": ""}}.

    Example: python -m chalicelib pools import pools.json
    """
    wanted = _pools_of(file)
    client = current_client()
    for pool in wanted:
        client.create_pool(pool)
    click.echo(f"Uploaded {len(wanted)} pool(s)")


def pool_name(name: str) -> str:
    """The name, if a pool may have it; raises ``click.ClickException``."""
    if not name.strip():
        raise click.ClickException("Pool name shouldn't be empty")
    if len(name) > _LONGEST_NAME:
        raise click.ClickException(f"Pool name can't be more than {_LONGEST_NAME} characters")
    return name


def _pools_of(file: Path) -> list[PoolArguments]:
    """The pools of a file, all of them looked at before the first is made."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.ClickException(f"Missing pools file {file}") from None
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.ClickException(f"Invalid json file {file}: {error}") from error
    if not isinstance(document, dict):
        raise click.ClickException(f"{file} has to hold a JSON object of pools by name")
    read = {name: _pool_of(name, fields) for name, fields in document.items()}
    failed = [name for name, pool in read.items() if pool is None]
    if failed:
        raise click.ClickException(
            f"Failed to update pool(s): {', '.join(failed)}. Each takes slots (a number) and a description."
        )
    return [pool for pool in read.values() if pool is not None]


def _pool_of(name: str, fields: Any) -> PoolArguments | None:
    if not isinstance(fields, dict):
        return None
    slots, description = fields.get("slots"), fields.get("description", "")
    include_deferred = fields.get("include_deferred", False)
    if not isinstance(slots, int) or isinstance(slots, bool) or not -1 <= slots <= _MOST_SLOTS:
        return None
    if not isinstance(description, str | None) or not isinstance(include_deferred, bool):
        return None
    return PoolArguments(
        name=pool_name(name), slots=slots, description=description or "", include_deferred=include_deferred
    )
