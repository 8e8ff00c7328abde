"""Wheels of metadata alone: they stand for a distribution while pip resolves, and are removed again."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from packaging.version import Version

LOCAL = "updraft"
"""The local part of the versions of such wheels; nothing else has it."""

_WHEEL = "Wheel-Version: 1.0\nGenerator: updraft\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_stub(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> Path:
    """A wheel of this distribution, ``py3-none-any``, that needs others and has no files."""
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/WHEEL": _WHEEL}
    record = "".join(f"{path},{_hash(text)},{len(text)}\n" for path, text in files.items())
    path = folder / f"{escaped}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(file, text)
    return path


def is_stub(version: str) -> bool:
    """Whether a distribution of this version is such a wheel."""
    return Version(version).local == LOCAL


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
