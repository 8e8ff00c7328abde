"""The layer with a stage's user packages, and the functions that should have it, checked. Changes nothing."""

from collections.abc import Iterator
from typing import Any

from chalicelib.deploy.deployed_functions import standing_configuration
from chalicelib.deploy.description.functions import function_name
from chalicelib.deploy.description.layer import LAYERED, layer_name
from chalicelib.deploy.findings import Finding, gone
from chalicelib.deploy.provisioning.layer import LayerVersion, standing_versions


def check_layer(stage: str, *, is_asked_for: bool, lambda_: Any) -> Iterator[Finding]:
    """One finding, if there is a layer or ought to be one; 3 requests.

    ``is_asked_for`` says whether the stage's DAGs folder asks for user packages. Which ones, is not compared:
    that takes pip, as ``deploy --dry-run`` does.
    """
    subject, versions = f"layer {layer_name(stage)}", standing_versions(stage, lambda_)
    if not versions:
        if is_asked_for:
            yield gone(subject)
        return
    if is_asked_for:
        problems = [*_without(versions[0], stage, lambda_)]
    else:
        problems = ["is there, and requirements.txt in the DAGs folder asks for no packages"]
    yield Finding(subject=subject, problems=tuple(problems))


def _without(newest: LayerVersion, stage: str, lambda_: Any) -> Iterator[str]:
    for handler in LAYERED:
        function = standing_configuration(stage, handler, lambda_)
        if function is None:  # which is a finding of its own
            continue
        layers = [layer["Arn"] for layer in function.get("Layers", ())]
        if newest.arn not in layers:
            yield f"{function_name(stage, handler)} does not have version {newest.number}"
