"""The project that Chalice is run in, with settings of functions that only a deployment knows.

Chalice reads all settings of a function from ``.chalice/config.json`` and takes none with its command. So it
runs in a directory of links to the project, beside a ``config.json`` of its own; its record and its packages
are the project's.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.deploy.description.functions import WORKER
from chalicelib.deploy.description.layer import LAYERED
from chalicelib.deploy.description.policies import Policy
from chalicelib.deploy.stages import Stage, function_setting

_PACKAGED = ("app.py", "chalicelib", "requirements.txt", "vendor")
"""What Chalice reads beside ``.chalice``, as far as it is there."""

_WRITTEN = ("deployed", "deployments")
"""What Chalice writes in ``.chalice``."""


@contextmanager
def chalice_project(
    stage: Stage, *, worker_timeout: int, policies: Mapping[str, Policy], layer: str | None = None
) -> Iterator[Path]:
    """A directory to run Chalice in, as long as this lasts.

    ``worker_timeout`` is in seconds, ``policies`` are those of the functions by handler, filled in.
    ``layer`` is the ARN of the user packages', which goes after the stage's own. Chalice tells Lambda a
    function's layers each time: without one, a layer that was there is gone.
    """
    with TemporaryDirectory(prefix="updraft-") as directory:
        project, ours = Path(directory), stage.project / ".chalice"
        for name in _PACKAGED:
            if (stage.project / name).exists():
                (project / name).symlink_to(stage.project / name)
        for name in _WRITTEN:
            (ours / name).mkdir(exist_ok=True)
        (project / ".chalice").mkdir()
        for path in ours.iterdir():
            if path.name != "config.json":
                (project / ".chalice" / path.name).symlink_to(path)
        config = json.loads((ours / "config.json").read_text())
        functions = config["stages"][stage.name].setdefault("lambda_functions", {})
        functions.setdefault(WORKER, {})["lambda_timeout"] = worker_timeout
        for handler in LAYERED if layer else ():
            functions.setdefault(handler, {})["layers"] = [*own_layers(stage, handler), layer]
        for handler, policy in policies.items():
            name = f"filled-in-{handler}.json"
            (project / ".chalice" / name).write_text(json.dumps(policy, indent=2))
            functions.setdefault(handler, {})["iam_policy_file"] = name
        (project / ".chalice" / "config.json").write_text(json.dumps(config, indent=2))
        yield project


def own_layers(stage: Stage, handler: str) -> list[str]:
    """The ARNs of the layers that ``.chalice/config.json`` gives a function."""
    return list(function_setting(stage, handler, "layers") or ())
