"""The command line, with an Airflow user's habits: one module per command group.

May import everything but ``api``, ``handlers`` and ``app``. A change violates this package when a
command does more than parse, call one use case and print: what it does must be there for the API too.
"""

import click

from chalicelib.cli import airflow_1_10
from chalicelib.cli.clearing import cancel, clear
from chalicelib.cli.config import config
from chalicelib.cli.dag_runs import list_runs, runs, state
from chalicelib.cli.dags import dags
from chalicelib.cli.dags_test import dags_test
from chalicelib.cli.dead_letters import deadletters
from chalicelib.cli.deploy import deploy
from chalicelib.cli.destroy import destroy
from chalicelib.cli.doctor import doctor
from chalicelib.cli.events import events
from chalicelib.cli.failures import CommandLine
from chalicelib.cli.info import info, version
from chalicelib.cli.package import package
from chalicelib.cli.pools import pools
from chalicelib.cli.sync import sync
from chalicelib.cli.tasks import tasks
from chalicelib.cli.users import users
from chalicelib.cli.why import why


@click.group(cls=CommandLine)
def updraft() -> None:
    """Look after an Updraft deployment (UPDRAFT__AWS__STAGE), or after the local server.

    Commands have their names of Airflow 2, and those of 1.10 beside them.
    """


for command in (list_runs, state, dags_test):
    dags.add_command(command)
tasks.add_command(clear)
runs.add_command(cancel)
for command in (
    config,
    dags,
    deadletters,
    deploy,
    destroy,
    doctor,
    events,
    info,
    package,
    pools,
    runs,
    sync,
    tasks,
    users,
    version,
    why,
):
    updraft.add_command(command)
for name, command in airflow_1_10.COMMANDS.items():
    updraft.add_command(command, name)
