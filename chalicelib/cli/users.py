"""``users``: the accounts of password_auth and basic_auth."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from chalicelib.cli.output.rows import output_option, show

if TYPE_CHECKING:
    from chalicelib.auth.ports import Users


@click.group()
def users() -> None:
    """Look after the users of the backends password_auth and basic_auth.

    Passwords are asked for, or read from standard input (one line) where that is no terminal; they are
    never part of a command. What is changed holds for new requests within a minute.
    """


@users.command("list")
@output_option
def list_users(output: str) -> None:
    """List the users: name, when it was created, when its password was set (UTC).

    Example: python -m chalicelib users list
    """
    with _users() as repository:
        rows = [
            {
                "username": user.username,
                "created_at": f"{user.created_at:%Y-%m-%d %H:%M:%S}",
                "password_set_at": f"{user.password_set_at:%Y-%m-%d %H:%M:%S}",
            }
            for user in sorted(repository.list(), key=lambda user: user.username)
        ]
    show(rows, output)


@users.command()
@click.argument("username")
def create(username: str) -> None:
    """Create a user.

    Example: python -m chalicelib users create ada
    """
    from datetime import UTC, datetime

    from chalicelib import bootstrap
    from chalicelib.auth.accounts import create_user
    from chalicelib.auth.users import checked_name

    with _users() as repository:
        name = checked_name(username)  # before a password is typed
        cost = bootstrap.settings().bcrypt_cost
        create_user(repository, name, _password(), cost=cost, now=datetime.now(UTC))
        click.echo(f"User {name} created")


@users.command("set-password")
@click.argument("username")
def set_password(username: str) -> None:
    """Give a user another password.

    Example: python -m chalicelib users set-password ada
    """
    from datetime import UTC, datetime

    from chalicelib import bootstrap
    from chalicelib.auth import accounts

    with _users() as repository:
        cost = bootstrap.settings().bcrypt_cost
        accounts.set_password(repository, username, _password(), cost=cost, now=datetime.now(UTC))
        click.echo(f"Password of {username} set")


@users.command()
@click.argument("username")
def delete(username: str) -> None:
    """Delete a user.

    Example: python -m chalicelib users delete ada
    """
    from chalicelib.auth.accounts import delete_user

    with _users() as repository:
        delete_user(repository, username)
        click.echo(f"User {username} deleted")


@contextmanager
def _users() -> Iterator["Users"]:
    from chalicelib import bootstrap
    from chalicelib.cli.engine import reach_local_server
    from chalicelib.domain.errors import UpdraftError

    reach_local_server()
    try:
        yield bootstrap.engine().store.users
    except UpdraftError as error:
        raise click.ClickException(str(error)) from error


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise click.ClickException("The password on standard input is not UTF-8") from None
    return line.removesuffix("\n").removesuffix("\r")
