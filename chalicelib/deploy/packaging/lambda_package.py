"""The deployment package: Chalice's, made quick to start and smaller to send.

Two things cost every cold start and every upload (Chalice sends the package once per function):

- Lambda cannot write bytecode beside the code, so each cold start compiles all it imports; that is half of
  its work. The package therefore carries the bytecode.
- botocore describes every service of AWS, which is most of a package's bytes. Services that nothing
  calls are left out.

Chalice keeps the packages it builds in ``.chalice/deployments`` and deploys what it finds there. Should
that change one day, it deploys its own package as it is, which works too.
"""

import filecmp
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from stat import S_IFREG
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo, is_zipfile

from chalicelib.deploy.chalice.program import PackagesMissing, RunChalice
from chalicelib.deploy.packaging.binaries import UnfitPackage, refuse_foreign
from chalicelib.deploy.packaging.bytecode import compiled_below
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage, architecture

SERVICES = frozenset({"dynamodb", "s3", "secretsmanager", "ses", "sqs", "ssm", "sts"})
"""The AWS services that the functions call, by botocore's names."""

_READY = b"updraft: with bytecode, without services that nothing calls"
_READY_BESIDE_BOTOCORE = b"updraft: with bytecode, without services that only user code calls"
"""The zip's comments once it is as it should be, by whether user packages have a botocore of their own."""

_BOTOCORE_REQUIRED = re.compile(rb"^Requires-Dist: botocore\b", re.MULTILINE)
_SESSION_IMPORTED = re.compile(rb"^\s*(?:import|from) (?:boto3|botocore\.session)\b", re.MULTILINE)

_OF_THE_APP = (
    "botocore/",
    "pynamodb/",
    "chalicelib/aws.py",
    "chalicelib/authoring/surroundings/mail.py",
    "chalicelib/store/",
)
"""Modules whose sessions call no other services than ``SERVICES``."""


def build_package(
    stage: Stage,
    directory: Path,
    run_chalice: RunChalice,
    *options: str,
    beside_botocore: bool = False,
) -> Path:
    """Have ``chalice package`` build the package, with more options, and make it ready.

    ``beside_botocore`` says that user packages have one of their own, which user code finds first.

    ``chalice deploy`` will find and deploy it; the same is ``deployment.zip`` in ``directory``, which this
    gives. Raises ``CommandFailed``, and ``UnfitPackage`` if something in it, or missing from it, is not for
    the stage's architecture.
    """
    machine = architecture(stage)
    deployments = stage.project / ".chalice" / "deployments"
    ready = _READY_BESIDE_BOTOCORE if beside_botocore else _READY
    _remove_unready(deployments, ready)
    package = directory / "deployment.zip"
    try:
        run_chalice(stage.project, ("package", "--stage", stage.name, *options, str(directory)))
        with ZipFile(package) as built:
            refuse_foreign(built, machine)
    except PackagesMissing as error:
        package.unlink(missing_ok=True)  # Chalice writes one that lacks them
        what = f"No wheel for {machine} and {this_runtime()}: {', '.join(error.packages)}"
        raise UnfitPackage(what, machine) from error
    except UnfitPackage:
        package.unlink()
        raise
    kept = [path for path in deployments.glob("*.zip") if filecmp.cmp(path, package, shallow=False)]
    make_ready(package, beside_botocore=beside_botocore)
    for path in kept:
        aside = path.with_suffix(".new")
        shutil.copyfile(package, aside)
        aside.replace(path)
    return package


def make_ready(package: Path, *, beside_botocore: bool = False) -> None:
    """Add bytecode and leave out descriptions of services, in place and at once; a second time does nothing.

    All descriptions stay if something in the package may want others than the app does: a module that
    imports boto3 or ``botocore.session``, or a library beside PynamoDB that needs botocore (as boto3 does);
    but not ``beside_botocore`` of the user packages, which has all of them.
    """
    comment = _READY_BESIDE_BOTOCORE if beside_botocore else _READY
    aside = package.with_suffix(".new")
    with ZipFile(package) as built:
        if built.comment == comment:
            return
        with TemporaryDirectory() as scratch, ZipFile(aside, "w", ZIP_DEFLATED) as ready:
            all_stay = not beside_botocore and _calls_other_services(built)
            left_out = frozenset() if all_stay else _uncalled_services(built)
            for entry in built.infolist():
                if not _is_bytecode(entry.filename) and _service(entry.filename) not in left_out:
                    ready.writestr(entry, built.read(entry))
            for path in _compiled(ready, Path(scratch)):
                ready.writestr(_readable(path.relative_to(scratch)), path.read_bytes(), ZIP_DEFLATED)
            ready.comment = comment
    aside.replace(package)


def _remove_unready(deployments: Path, ready: bytes) -> None:
    # An interrupted Chalice leaves them, and would deploy them; so it would one that lacks a package.
    for path in deployments.glob("*.zip"):
        if not _has_comment(path, ready):
            path.unlink()


def _has_comment(path: Path, comment: bytes) -> bool:
    if not is_zipfile(path):
        return False
    with ZipFile(path) as package:
        return package.comment == comment


def _calls_other_services(built: ZipFile) -> bool:
    return any(_may_call(name, built) for name in built.namelist())


def _may_call(name: str, built: ZipFile) -> bool:
    path = PurePosixPath(name)
    if path.match("*.dist-info/METADATA"):
        return not name.startswith("pynamodb-") and bool(_BOTOCORE_REQUIRED.search(built.read(name)))
    if path.suffix != ".py" or name.startswith(_OF_THE_APP):
        return False
    return bool(_SESSION_IMPORTED.search(built.read(name)))


def _uncalled_services(built: ZipFile) -> frozenset[str]:
    described = {_service(name) for name in built.namelist()}
    return frozenset(service for service in described if service) - SERVICES


def _service(name: str) -> str | None:
    """The service that a file describes, if it does: ``botocore/data/SERVICE/VERSION/…``."""
    match PurePosixPath(name).parts:
        case ("botocore", "data", service, _, *_):
            return service
    return None


def _is_bytecode(name: str) -> bool:
    return name.endswith(".pyc")  # of the developer's own checkout


def _readable(name: Path) -> ZipInfo:
    """A file that all may read: a function is another user than the developer, whose umask may be strict."""
    info = ZipInfo(name.as_posix())
    info.external_attr = (S_IFREG | 0o644) << 16
    return info


def _compiled(ready: ZipFile, scratch: Path) -> Iterator[Path]:
    """The bytecode of the modules, made in ``scratch``."""
    ready.extractall(scratch, [name for name in ready.namelist() if name.endswith(".py")])
    yield from compiled_below(scratch)
