"""A stage as files for CloudFormation: the functions' code, and the template of all that the stage is."""

import json
from pathlib import Path

from chalicelib.deploy.chalice_program import RunChalice, run_chalice
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.packaging.template import merge_template
from chalicelib.deploy.policies import policy_documents
from chalicelib.deploy.stages import Stage
from chalicelib.events.declarations import Declaration

MERGED = "merged.json"
"""Of the template, what Chalice does not know; kept beside it for whoever calls ``chalice package``."""


def package(
    stage: Stage,
    declarations: tuple[Declaration, ...],
    directory: Path,
    *,
    run_chalice: RunChalice = run_chalice,
) -> None:
    """Write ``sam.json`` and ``deployment.zip`` of the stage to the directory, and what was merged.

    Asks nothing of AWS. Raises ``CommandFailed``, ``UnknownBackend`` and ``PolicyFileError``.
    """
    directory = directory.resolve()  # Chalice runs in the project's
    directory.mkdir(parents=True, exist_ok=True)
    template = merge_template(stage.settings, declarations, policy_documents(stage, OF_THE_STACK))
    merged = directory / MERGED
    merged.write_text(json.dumps(template, indent=2) + "\n")
    build_package(stage.project, stage.name, directory, run_chalice, "--merge-template", str(merged))
