"""The user packages of a stage, installed for the machine and Python of its functions.

pip is called once for what the DAGs folder asks for; commands after that take what is there.
"""

import shutil
from hashlib import sha256
from pathlib import Path

from chalicelib.deploy.packaging.layer import LayerContents, layer_contents
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage, architecture
from chalicelib.deploy.steps import Tell
from chalicelib.user_packages.installed import Installed, measured
from chalicelib.user_packages.installing import install_for
from chalicelib.user_packages.requirement_files import asked_for
from chalicelib.user_packages.rules import all_rules


def packages_of(stage: Stage, tell: Tell) -> LayerContents | None:
    """What a layer of the stage has; None where its DAGs folder asks for nothing.

    Changes nothing on AWS. Raises ``UserPackagesError``; ``StageError`` for a machine that Lambda has not.
    """
    asked = asked_for(stage.settings.dags_folder)
    if asked is None:
        return None
    of_the_stage = stage.project / ".chalice" / "layers" / stage.name
    text = "\0".join((asked.digest, all_rules(), architecture(stage), this_runtime()))
    folder = of_the_stage / sha256(text.encode()).hexdigest()[:20]
    installed = measured(folder, asked.notes) if folder.is_dir() else _install(stage, folder, tell)
    return None if installed is None else layer_contents(installed, stage)


def _install(stage: Stage, folder: Path, tell: Tell) -> Installed | None:
    """In place of what was asked for before."""
    if folder.parent.exists():
        shutil.rmtree(folder.parent)
    python = this_runtime().removeprefix("python")
    return install_for(
        stage.settings.dags_folder, machine=architecture(stage), python=python, into=folder, tell=tell
    )
