"""The command line, ``python -m chalicelib``: a module per command or group, named as in Airflow.

``client`` is how commands reach the API or the stores, ``output`` how they show things; ``dags``, ``tasks``
and ``deployment`` hold the commands about those, and beside this file stand the others.

May import everything but ``api``, ``handlers`` and ``app``. A change violates this package when a
command does more than parse, call one use case and print: what it does must be there for the API too.
"""

import click

from chalicelib.cli import airflow_1_10, without_effect
from chalicelib.cli.completion import completion
from chalicelib.cli.config import config
from chalicelib.cli.connections import connections, rotate_fernet_key
from chalicelib.cli.dags.backfill import backfill
from chalicelib.cli.dags.details import details, next_execution, report
from chalicelib.cli.dags.group import dags
from chalicelib.cli.dags.in_process import dags_test
from chalicelib.cli.dags.runs import list_runs, runs, state
from chalicelib.cli.dags.simulate import simulate
from chalicelib.cli.datasets import datasets
from chalicelib.cli.deployment.dead_letters import deadletters
from chalicelib.cli.deployment.deploy import deploy
from chalicelib.cli.deployment.destroy import destroy
from chalicelib.cli.deployment.doctor import doctor
from chalicelib.cli.deployment.events import events
from chalicelib.cli.deployment.package import package
from chalicelib.cli.deployment.policy import policy
from chalicelib.cli.deployment.sync import sync
from chalicelib.cli.failures import CommandLine
from chalicelib.cli.info import info, version
from chalicelib.cli.pools import pools
from chalicelib.cli.providers import providers
from chalicelib.cli.tasks.clearing import clear
from chalicelib.cli.tasks.group import tasks
from chalicelib.cli.tasks.in_process import tasks_test
from chalicelib.cli.tasks.logs import logs
from chalicelib.cli.tasks.marking import cancel, set_run_state, set_task_state
from chalicelib.cli.tasks.rendering import render
from chalicelib.cli.tasks.why import failed_deps, why
from chalicelib.cli.users import users
from chalicelib.cli.variables import variables


@click.group(cls=CommandLine)
@click.pass_context
def updraft(context: click.Context) -> None:
    """Look after an Updraft deployment (UPDRAFT__AWS__STAGE), or after the local server.

    Commands have their names of Airflow 2, and those of 1.10 beside them.
    """
    from chalicelib import bootstrap

    context.with_resource(bootstrap.use(by_a_person=True))


for command in (backfill, details, list_runs, next_execution, report, state, set_run_state, dags_test):
    dags.add_command(command)
for command in (clear, failed_deps, logs, render, set_task_state, tasks_test):
    tasks.add_command(command)
runs.add_command(cancel)
for command in (
    completion,
    config,
    connections,
    dags,
    datasets,
    deadletters,
    deploy,
    destroy,
    doctor,
    events,
    info,
    package,
    policy,
    pools,
    providers,
    rotate_fernet_key,
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
    updraft.add_command(airflow_1_10.as_in_1_10(name, command), name)
groups = {
    "config": config,
    "connections": connections,
    "dags": dags,
    "pools": pools,
    "tasks": tasks,
    "users": users,
    "variables": variables,
}
for group, name, option in without_effect.options_of_2_x():
    groups[group].add_command(without_effect.also_taking(groups[group].commands[name], option), name)
