"""Wheels of one module, made on the spot: no package index is asked for them."""

import zipfile
from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str, text: str = "", *, tag: str = "py3-none-any", is_pure: bool = True
) -> Path:
    """Write the wheel of a module, by the name of both, into the folder; gives its path."""
    metadata = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", text)
        wheel.writestr(f"{metadata}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{metadata}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n")
        wheel.writestr(f"{metadata}/RECORD", "")
    return path
