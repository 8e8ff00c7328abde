"""The files of a stage for CloudFormation: the functions' code and the template."""

import json
import shutil
from pathlib import Path

from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.chalice.project import own_layers
from chalicelib.deploy.description.layer import LAYERED, Layer
from chalicelib.deploy.description.place import OF_THE_STACK
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.packaging.layer import (
    LayerContents,
    fitting_layer,
    unpacked_bytes,
)
from chalicelib.deploy.packaging.template import LayerOfTheStack, merge_template
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.runtimes import refuse_other_python, this_runtime
from chalicelib.deploy.stages import Stage, architecture
from chalicelib.deploy.worker_time import in_a_template
from chalicelib.events.declarations import Declaration

LAYER = "layer.zip"
"""The layer with the user packages, beside the functions' package."""

MERGED = "merged.json"
"""The part of the template that Chalice does not know, kept beside it for calls of ``chalice package``."""


def package(
    stage: Stage,
    declarations: tuple[Declaration, ...],
    directory: Path,
    *,
    user_packages: LayerContents | None = None,
    run_chalice: RunChalice = run_chalice,
) -> Layer | None:
    """Write ``sam.json`` and ``deployment.zip`` of the stage to the directory, and what was merged.

    With ``user_packages``, ``layer.zip`` too; gives the layer, if there is one. Asks nothing of AWS. Raises
    ``CommandFailed``, ``UnfitPackage``, ``UnknownBackend``, ``PolicyFileError`` and ``UserPackagesError``;
    ``StageError`` from another Python than the stage states.
    """
    refuse_other_python(stage, None)
    directory = directory.resolve()  # Chalice runs in the project's
    directory.mkdir(parents=True, exist_ok=True)
    template = merge_template(
        in_a_template(stage),
        declarations,
        policy_documents(stage, OF_THE_STACK),
        _of_the_stack(user_packages, stage) if user_packages else None,
    )
    merged = directory / MERGED
    merged.write_text(json.dumps(template, indent=2) + "\n")
    zip_of_layer = directory / LAYER
    zip_of_layer.unlink(missing_ok=True)
    built = build_package(
        stage,
        directory,
        run_chalice,
        *("--merge-template", str(merged)),
        beside_botocore=user_packages is not None and user_packages.has_botocore,
    )
    if user_packages is None:
        return None
    layer = fitting_layer(user_packages, stage, beside=unpacked_bytes(built))
    shutil.copyfile(layer.path, zip_of_layer)
    return layer


def _of_the_stack(contents: LayerContents, stage: Stage) -> LayerOfTheStack:
    return LayerOfTheStack(
        zip_name=LAYER,
        digest=contents.digest,
        runtime=this_runtime(),
        architecture=architecture(stage),
        own_layers={handler: own_layers(stage, handler) for handler in LAYERED},
    )
