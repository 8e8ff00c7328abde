"""Wheels of a test's own in a folder that is all the package index there is."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str] | None = None,
    *,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """A wheel with a module of its name, and with these files beside."""
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in requires]
    contents = {
        f"{escaped}.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},{_hash(text)},{len(text)}\n" for path, text in contents.items())
    path = folder / f"{escaped}-{version}-{tag}.whl"
    with ZipFile(path, "w") as wheel:
        for file, text in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(file, text)
    return path


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


_BACKEND = """
from zipfile import ZipFile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = {file!r}
    info = {info!r}
    with ZipFile(f"{{wheel_directory}}/{{name}}", "w") as wheel:
        wheel.writestr({module!r}, "BUILT = True\\n")
        wheel.writestr(f"{{info}}/METADATA", {metadata!r})
        wheel.writestr(f"{{info}}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        wheel.writestr(f"{{info}}/RECORD", "")
    return name
"""


def write_source(folder: Path, name: str, version: str, *, tag: str = "py3-none-any") -> Path:
    """A source distribution that is built into a wheel of that tag, with nothing of others."""
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    backend = _BACKEND.format(
        file=f"{escaped}-{version}-{tag}.whl", info=info, module=f"{escaped}.py", metadata=metadata, tag=tag
    )
    built_by = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    path = folder / f"{escaped}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as source:
        for file, text in {"PKG-INFO": metadata, "pyproject.toml": built_by, "backend.py": backend}.items():
            member = tarfile.TarInfo(f"{escaped}-{version}/{file}")
            member.size = len(text)
            source.addfile(member, io.BytesIO(text.encode()))
    return path
