"""``policy suggest``: the statements that the policies of worker and triggerer need for what tasks call."""

import json
from pathlib import Path

import click

from chalicelib.cli.dags.dag_files import files_of, subdir_option, tell_failures

_OF_A_ROLE = "--account and --region go together: a role's policy needs both"
_OF_TRIGGERS = (
    "These tasks are deferrable, so their triggers call AWS, too: {tasks}. Triggers run in the triggerer: "
    "policy-triggerer.json needs the statements as well as policy-worker.json"
)


@click.group()
def policy() -> None:
    """Look after the rights of tasks on AWS."""


@policy.command()
@click.argument("dag_ids", nargs=-1, metavar="[DAG_ID]...")
@subdir_option
@click.option("--account", help="Fill in this account's number, for the policy of a role of your own.")
@click.option("--region", help="Fill in this region, likewise.")
def suggest(dag_ids: tuple[str, ...], subdir: Path | None, account: str | None, region: str | None) -> None:
    """Print the policy that the tasks of DAGs need on AWS, by the operators that they use.

    Without a DAG_ID it is for all DAGs of the files. The document goes to standard output: its statements
    belong into the files policy-worker.json and policy-triggerer.json, where 'deploy' fills in partition,
    region and account; or, with --account and --region, it is the policy of the role that
    UPDRAFT__WORKER__TASK_ROLE names. What could be narrower, and what cannot be known, is told on standard
    error: what Python code calls by hooks or boto3 is never guessed. Nothing is asked of AWS.

    Example: python -m chalicelib policy suggest example_hello
    """
    from chalicelib.deploy.task_rights.suggestion import filled_in, suggested
    from chalicelib.user_code.operators_apart import operators_apart

    if (account is None) is not (region is None):
        raise click.UsageError(_OF_A_ROLE)
    files = files_of(subdir)
    found = operators_apart(files.folder, files.names)
    tell_failures(found.broken)
    known = {operator.dag_id for operator in found.operators}
    missing = [each for each in dag_ids if each not in known]
    if missing:
        raise click.ClickException(
            f"No task of a DAG {missing[0]!r} is in the files of {subdir or files.folder}: name another "
            "folder or file with --subdir"
        )
    wanted = [each for each in found.operators if not dag_ids or each.dag_id in dag_ids]
    suggestion = suggested(wanted)
    for note in suggestion.notes:
        click.echo(note, err=True)
    if suggestion.with_triggers:
        click.echo(_OF_TRIGGERS.format(tasks=", ".join(suggestion.with_triggers)), err=True)
    document = suggestion.policy
    if account is not None and region is not None:
        partition = _partition(region)
        document = filled_in(document, partition=partition, region=region, account=account)
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
