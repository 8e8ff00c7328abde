"""The command line, with an Airflow user's habits: one module per command group.

May import everything but ``api``, ``handlers`` and ``app``. A change violates this package when a
command does more than parse, call one use case and print: what it does must be there for the API too.
"""

import click

from chalicelib.cli.dags import dags
from chalicelib.cli.deploy import deploy
from chalicelib.cli.destroy import destroy
from chalicelib.cli.doctor import doctor
from chalicelib.cli.events import events
from chalicelib.cli.sync import sync
from chalicelib.cli.tasks import tasks
from chalicelib.cli.users import users


@click.group()
def updraft() -> None:
    """Look after an Updraft deployment (UPDRAFT__AWS__STAGE), or after the local server."""


updraft.add_command(dags)
updraft.add_command(deploy)
updraft.add_command(destroy)
updraft.add_command(doctor)
updraft.add_command(events)
updraft.add_command(sync)
updraft.add_command(tasks)
updraft.add_command(users)
