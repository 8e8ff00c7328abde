"""User packages as if pip had installed them for a stage."""

from pathlib import Path

from chalicelib.deploy.packaging.layer import LayerContents, layer_contents
from chalicelib.deploy.stages import Stage
from chalicelib.user_packages.installed import measured

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def in_place(folder: Path, stage: Stage, **modules: str) -> LayerContents:
    """Modules by their names, each a distribution of that name."""
    for name, text in modules.items():
        described = folder / f"{name}-1.0.dist-info"
        described.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        (described / "METADATA").write_text(METADATA.format(name=name))
        (described / "RECORD").write_text(f"{name}.py,,\n../../bin/{name},,\n{name}.pyc,,\n")
    return layer_contents(measured(folder, ()), stage)
