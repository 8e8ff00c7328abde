"""User packages as if they were installed for a stage."""

from dataclasses import dataclass
from pathlib import Path

from chalicelib.deploy.packaging.layer import Installed, LayerContents, layer_contents
from chalicelib.deploy.stages import Stage

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


@dataclass(frozen=True, kw_only=True)
class InPlace:
    """Files in a folder, a distribution for each module."""

    folder: Path
    distributions: tuple[str, ...]
    size: int


def any_size(installed: Installed, own_bytes: int) -> None:
    """Let Lambda take all."""


def in_place(folder: Path, stage: Stage, **modules: str) -> LayerContents:
    """Modules by their names, each a distribution of that name."""
    for name, text in modules.items():
        described = folder / f"{name}-1.0.dist-info"
        described.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        (described / "METADATA").write_text(METADATA.format(name=name))
        (described / "RECORD").write_text(f"{name}.py,,\n../../bin/{name},,\n{name}.pyc,,\n")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    installed = InPlace(folder=folder, distributions=tuple(modules), size=size)
    return layer_contents(installed, stage, any_size)
