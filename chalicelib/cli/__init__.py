"""The command line, with an Airflow user's habits: one module per command group.

May import everything but ``api``, ``handlers`` and ``app``. A change violates this package when a
command does more than parse, call one use case and print: what it does must be there for the API too.
"""

import click

from chalicelib.cli import airflow_1_10
from chalicelib.cli.backfill import backfill
from chalicelib.cli.clearing import clear
from chalicelib.cli.completion import completion
from chalicelib.cli.config import config
from chalicelib.cli.dag_details import details, next_execution, report
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
from chalicelib.cli.logs import logs
from chalicelib.cli.marking import cancel, set_run_state, set_task_state
from chalicelib.cli.package import package
from chalicelib.cli.pools import pools
from chalicelib.cli.rendering import render
from chalicelib.cli.simulate import simulate
from chalicelib.cli.sync import sync
from chalicelib.cli.tasks import tasks
from chalicelib.cli.users import users
from chalicelib.cli.variables import variables
from chalicelib.cli.why import failed_deps, why


@click.group(cls=CommandLine)
def updraft() -> None:
    """Look after an Updraft deployment (UPDRAFT__AWS__STAGE), or after the local server.

    Commands have their names of Airflow 2, and those of 1.10 beside them.
    """


for command in (backfill, details, list_runs, next_execution, report, state, set_run_state, dags_test):
    dags.add_command(command)
for command in (clear, failed_deps, logs, render, set_task_state):
    tasks.add_command(command)
runs.add_command(cancel)
for command in (
    completion,
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
    simulate,
    sync,
    tasks,
    users,
    variables,
    version,
    why,
):
    updraft.add_command(command)
for name, command in airflow_1_10.COMMANDS.items():
    updraft.add_command(airflow_1_10.with_subdir(command), name)
