"""Chalice's own program with one command more: ``deploy`` with the policies that are filled in for a stage.

    python -m chalicelib.deploy.chalice_with_policies deploy-filled-in --stage dev

Chalice reads in ``config.json`` which policy file a function has, for every stage that names no other.
Here it is told the files that ``policies.write_policies`` has made; all else is as in ``chalice deploy``.
"""

import os
import sys
from pathlib import Path
from typing import Any

import click
from chalice.cli import cli, deploy, main
from chalice.cli.factory import CLIFactory

from chalicelib.deploy.chalice_program import DEPLOY_FILLED_IN
from chalicelib.deploy.policies import policy_file, written_policies


class _WithPolicies(CLIFactory):
    """Makes what Chalice's commands work with, of a ``config.json`` whose stage names its policies."""

    def __init__(self, project: str, debug: bool, stage: str) -> None:
        super().__init__(project, debug, environ=os.environ)
        self._stage = stage

    def load_project_config(self) -> dict[str, Any]:
        """See Chalice."""
        config: dict[str, Any] = super().load_project_config()
        functions = config["stages"][self._stage].setdefault("lambda_functions", {})
        for handler in written_policies(Path(self.project_dir), self._stage):
            functions.setdefault(handler, {})["iam_policy_file"] = policy_file(self._stage, handler)
        return config


@cli.command(DEPLOY_FILLED_IN)
@click.option("--stage", required=True)
@click.pass_context
def deploy_filled_in(context: click.Context, stage: str) -> None:
    """Deploy a stage with the policies that are filled in for it."""
    context.obj["factory"] = _WithPolicies(context.obj["project_dir"], context.obj["debug"], stage)
    context.invoke(deploy, stage=stage)


if __name__ == "__main__":
    sys.exit(main())
