"""The files of a stage for CloudFormation: the functions' code and the template."""

import json
from pathlib import Path

from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.packaging.template import merge_template
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.runtimes import refuse_other_python
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.worker_time import in_a_template
from chalicelib.events.declarations import Declaration

MERGED = "merged.json"
"""The part of the template that Chalice does not know, kept beside it for calls of ``chalice package``."""


def package(
    stage: Stage,
    declarations: tuple[Declaration, ...],
    directory: Path,
    *,
    run_chalice: RunChalice = run_chalice,
) -> None:
    """Write ``sam.json`` and ``deployment.zip`` of the stage to the directory, and what was merged.

    Asks nothing of AWS. Raises ``CommandFailed``, ``UnfitPackage``, ``UnknownBackend`` and
    ``PolicyFileError``; ``StageError`` from another Python than the stage states.
    """
    refuse_other_python(stage, None)
    directory = directory.resolve()  # Chalice runs in the project's
    directory.mkdir(parents=True, exist_ok=True)
    template = merge_template(in_a_template(stage), declarations, policy_documents(stage, OF_THE_STACK))
    merged = directory / MERGED
    merged.write_text(json.dumps(template, indent=2) + "\n")
    build_package(stage, directory, run_chalice, "--merge-template", str(merged))
