"""The layer with a stage's user packages: its name, what is in it, and the functions that have it. Pure."""

from dataclasses import dataclass
from pathlib import Path

from chalicelib.deploy.description.functions import TRIGGERER, WORKER
from chalicelib.settings import APP_NAME
from chalicelib.user_packages.installed import megabytes

LAYERED = (WORKER, TRIGGERER)
"""The handlers whose functions have the layer: those that load user code."""

FOLDER = "user-packages"
"""What all is below in the layer, and so in ``/opt`` of a function. Lambda puts ``/opt/python`` on the
``sys.path`` of each process (AWS); this folder only processes that load user code put on theirs."""

MOST_UNPACKED_BYTES = 250 * 1024 * 1024
"""Of a function's package and all its layers, unpacked (AWS Lambda)."""

MOST_SENT_BYTES = 50_000_000
"""Of a zip that is sent with the request; a larger one goes through S3 (AWS Lambda)."""

UPLOADS = "layers/"
"""How the keys begin of what lies in the stage's bucket on its way into a layer."""

DESCRIBED = "User packages "
"""How the description of a version begins; what follows is the digest of its contents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A layer as a zip."""

    path: Path
    digest: str
    """That of its contents."""
    zipped_bytes: int
    unpacked_bytes: int
    distributions: int
    """How many distributions are in it."""

    @property
    def line(self) -> str:
        """What there is to say of the layer."""
        packages = "distribution" if self.distributions == 1 else "distributions"
        sizes = f"{megabytes(self.unpacked_bytes)} unpacked, {megabytes(self.zipped_bytes)} zipped"
        return f"User packages: {self.distributions} {packages}, {sizes}"


def layer_name(stage: str) -> str:
    """The name of the layer of a stage."""
    return f"{APP_NAME}-{stage}-{FOLDER}"


def description_of(digest: str) -> str:
    """The description of the version with those contents; AWS takes 256 characters."""
    return f"{DESCRIBED}{digest}"


def upload_key(digest: str) -> str:
    """The key in the stage's bucket of a layer on its way."""
    return f"{UPLOADS}{digest}.zip"
