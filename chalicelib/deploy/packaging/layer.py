"""The layer with a stage's user packages, made of the folder in which they are installed.

The same packages make the same bytes, on each machine and at each time: so it shows in a digest whether a
stage has them already. Like the functions' package the layer carries bytecode, which Lambda cannot write.
"""

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from stat import S_IFREG, S_IXUSR
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo, is_zipfile

from chalicelib.deploy.description.layer import FOLDER, MOST_UNPACKED_BYTES, Layer
from chalicelib.deploy.packaging.binaries import refuse_foreign
from chalicelib.deploy.packaging.bytecode import compiled_below
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage, architecture
from chalicelib.user_packages.installed import Installed
from chalicelib.user_packages.installing import refuse_too_large

_FORMAT = "1"
"""Of the layer: another one for the same packages, by a version of this app, has another digest."""

_NOT_SHIPPED = frozenset({"bin"})
"""Folders at the top that pip fills with programs, which name the Python of the machine they are made on."""

_BYTECODE_OF_A_BYTE = 1.3
"""How much bytecode a byte of Python makes: 1.25 where it was measured, over 59 distributions."""

_OF_THE_APP_BYTES = 70_000_000
"""What the functions' own package may take beside a layer with bytecode; it has 58 MB."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of each file: the first that a zip can tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerContents:
    """The files of a layer, before it is made."""

    files: tuple[str, ...]
    """The files that are shipped, by their paths in the folder of the packages, in order."""
    digest: str
    """SHA-256 of names, contents, runtime and machine, in hexadecimal digits."""
    has_bytecode: bool
    """Whether the layer carries bytecode: as long as the packages leave room for it."""
    installed: Installed
    """What is installed, with the sizes of its distributions."""

    @property
    def has_botocore(self) -> bool:
        """Whether user code has a botocore of its own, which describes every service of AWS."""
        return "botocore/__init__.py" in self.files


def layer_contents(installed: Installed, stage: Stage) -> LayerContents:
    """What a layer of the stage has, of the packages that are installed for it.

    Raises ``StageError`` for a machine that Lambda does not have.
    """
    folder = installed.folder
    files = tuple(sorted(_shipped(folder)))
    has_bytecode = _leaves_room(folder, files)
    digest = sha256(f"{_FORMAT} {this_runtime()} {architecture(stage)} {has_bytecode}\n".encode())
    for name in files:
        content = sha256(_content(folder, name, files)).hexdigest()
        digest.update(f"{_mode(folder / name):o} {content} {name}\n".encode())
    return LayerContents(
        files=files,
        digest=digest.hexdigest(),
        has_bytecode=has_bytecode,
        installed=installed,
    )


def build_layer(contents: LayerContents, stage: Stage) -> Layer:
    """The layer with those contents; that of the stage's last command again, if it has them.

    Raises ``UnfitPackage`` if something in it is not for the stage's machine.
    """
    path = stage.project / ".chalice" / "layers" / f"{stage.name}.zip"
    if not _has(path, contents.digest):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new")
        _write(contents, aside)
        with ZipFile(aside) as made:
            refuse_foreign(made, architecture(stage), below=FOLDER)
        aside.replace(path)
    return Layer(
        path=path,
        digest=contents.digest,
        zipped_bytes=path.stat().st_size,
        unpacked_bytes=unpacked_bytes(path),
        distributions=len(contents.installed.distributions),
    )


def fitting_layer(contents: LayerContents, stage: Stage, *, beside: int) -> Layer:
    """The layer, as ``build_layer`` gives it, if a function takes it beside a package of so many bytes.

    Raises ``UserPackagesError`` if both together are larger, unpacked, than Lambda takes.
    """
    installed = contents.installed
    refuse_too_large(installed, beside)
    layer = build_layer(contents, stage)
    refuse_too_large(installed, beside + layer.unpacked_bytes - installed.size)  # bytecode counts, too
    return layer


def unpacked_bytes(package: Path) -> int:
    """The size of all that is in a zip, as Lambda counts it."""
    with ZipFile(package) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _has(path: Path, digest: str) -> bool:
    if not is_zipfile(path):
        return False
    with ZipFile(path) as made:
        return made.comment == digest.encode()


def _shipped(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        is_bytecode = path.suffix == ".pyc"  # of this machine's Python, which compares it with the source
        if name.parts[0] not in _NOT_SHIPPED and not is_bytecode and not path.is_symlink() and path.is_file():
            yield name.as_posix()


def _leaves_room(folder: Path, files: Sequence[str]) -> bool:
    sizes = {name: (folder / name).stat().st_size for name in files}
    bytecode = sum(_BYTECODE_OF_A_BYTE * size for name, size in sizes.items() if name.endswith(".py"))
    return sum(sizes.values()) + bytecode + _OF_THE_APP_BYTES <= MOST_UNPACKED_BYTES


def _content(folder: Path, name: str, files: Sequence[str]) -> bytes:
    content = (folder / name).read_bytes()
    if PurePosixPath(name).match("*.dist-info/RECORD"):
        return _record(content, frozenset(files))
    return content


def _record(content: bytes, files: frozenset[str]) -> bytes:
    """The record of a distribution, without what is not shipped."""
    kept = io.StringIO()
    rows = [row for row in csv.reader(io.StringIO(content.decode())) if row and row[0] in files]
    csv.writer(kept, lineterminator="\n").writerows(rows)
    return kept.getvalue().encode()


def _mode(path: Path) -> int:
    """That all may read it: a function is another user than the developer, whose umask may be strict."""
    return 0o755 if path.stat().st_mode & S_IXUSR else 0o644


def _write(contents: LayerContents, path: Path) -> None:
    with TemporaryDirectory() as scratch, ZipFile(path, "w") as layer:
        modules = Path(scratch)
        folder = contents.installed.folder
        for name in contents.files:
            _add(layer, name, _content(folder, name, contents.files), _mode(folder / name))
            if contents.has_bytecode and name.endswith(".py"):
                (modules / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, modules / name)
        for compiled in compiled_below(modules):
            _add(layer, compiled.relative_to(modules).as_posix(), compiled.read_bytes(), 0o644)
        layer.comment = contents.digest.encode()


def _add(layer: ZipFile, name: str, content: bytes, mode: int) -> None:
    info = ZipInfo(f"{FOLDER}/{name}", date_time=_EARLIEST)
    info.create_system = 3  # Unix, whose modes these are
    info.external_attr = (S_IFREG | mode) << 16
    layer.writestr(info, content, ZIP_DEFLATED)
