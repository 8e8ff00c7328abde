"""What is made of the package that Chalice built: its contents, and that Chalice will deploy it."""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from chalice.constants import MISSING_DEPENDENCIES_TEMPLATE

from chalicelib.deploy.chalice.program import PackagesMissing, left_out
from chalicelib.deploy.packaging.binaries import UnfitPackage
from chalicelib.deploy.packaging.lambda_package import SERVICES, build_package, make_ready
from chalicelib.deploy.runtimes import this_runtime
from chalicelib.deploy.stages import Stage
from chalicelib.settings import Settings

ROOT = Path(__file__).parents[4]
DESCRIBED = ("athena", "dynamodb", "s3", "secretsmanager", "ses", "sqs", "ssm", "sts")

FILES = {
    "app.py": "import chalicelib.greeting\n",
    "chalicelib/__init__.py": "",
    "chalicelib/greeting.py": "TEXT = 'hello'\n",
    "chalicelib/__pycache__/greeting.cpython-310.pyc": "of the developer's own Python",
    "library/written_for_python_2.py": "print 'hello'\n",
    "botocore/__init__.py": "",
    "botocore/data/endpoints.json": "{}",
    **{f"botocore/data/{service}/2020-01-01/service-2.json.gz": "{}" for service in DESCRIBED},
    "pynamodb-6.1.0.dist-info/METADATA": "Name: pynamodb\nRequires-Dist: botocore >=1.12.54\n",
}


def built(path: Path, **more: str) -> Path:
    """A package as Chalice builds it; in names of more files `__` stands for `/`."""
    files = FILES | {name.replace("__", "/") + ".py": text for name, text in more.items()}
    with zipfile.ZipFile(path, "w") as package:
        for name, text in files.items():
            package.writestr(name, text)
    return path


def names(package: Path) -> set[str]:
    with zipfile.ZipFile(package) as opened:
        return set(opened.namelist())


def services(package: Path) -> set[str]:
    return {name.split("/")[2] for name in names(package) if name.count("/") > 2 and "/data/" in name}


def stage(project: Path, architecture: str = "x86_64") -> Stage:
    (project / ".chalice").mkdir(exist_ok=True)
    config = {"lambda_architecture": architecture, "stages": {"dev": {}}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    return Stage(name="dev", project=project, variables={}, settings=settings)


class Chalice:
    """Keeps the package it built, as Chalice does, and copies it to where it is asked for."""

    def __init__(self, *left_out: str, files: Mapping[str, bytes] | None = None) -> None:
        self.builds = 0
        self.left_out = left_out
        self.files = files or {}

    def __call__(self, project: Path, arguments: tuple[str, ...]) -> None:
        assert arguments[:3] == ("package", "--stage", "dev")
        kept = project / ".chalice" / "deployments" / "0123-python3.11.zip"
        if not kept.exists():
            self.builds += 1
            kept.parent.mkdir(parents=True, exist_ok=True)
            built(kept)
            with zipfile.ZipFile(kept, "a") as package:
                for name, content in self.files.items():
                    package.writestr(name, content)
            if self.left_out:  # it has gone on to the end without them
                raise PackagesMissing(self.left_out)
        shutil.copy(kept, Path(arguments[3]) / "deployment.zip")


def test_services_that_nothing_calls_are_left_out(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    make_ready(package)
    assert services(package) == SERVICES
    assert "botocore/data/endpoints.json" in names(package)


@pytest.mark.parametrize(
    "more",
    [
        {"chalicelib__dags__queries": "def ask():\n    import boto3\n"},
        {"chalicelib__dags__queries": "from boto3.session import Session\n"},
        {"app": "import boto3\n"},
        {"dags_of_vendor__queries": "import boto3\n"},
        {"chalicelib__dags__queries": "from botocore.session import get_session\n"},
    ],
)
def test_all_services_stay_for_code_that_makes_sessions_of_its_own(
    tmp_path: Path, more: dict[str, str]
) -> None:
    package = built(tmp_path / "deployment.zip", **more)
    make_ready(package)
    assert services(package) == set(DESCRIBED)


def test_all_services_stay_for_a_library_that_needs_botocore(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    with zipfile.ZipFile(package, "a") as opened:
        opened.writestr("boto3-1.43.dist-info/METADATA", "Name: boto3\nRequires-Dist: botocore (<1.44)\n")
    make_ready(package)
    assert services(package) == set(DESCRIBED)


def test_user_packages_with_a_botocore_of_their_own_have_the_services_that_user_code_calls(
    tmp_path: Path,
) -> None:
    package = built(tmp_path / "deployment.zip", chalicelib__dags__queries="import boto3\n")
    make_ready(package, beside_botocore=True)
    assert services(package) == SERVICES
    make_ready(package, beside_botocore=True)  # which changes nothing any more
    chalice, out = Chalice(), tmp_path / "out"
    for beside_botocore in (False, True, True):
        out.mkdir(exist_ok=True)
        build_package(stage(tmp_path), out, chalice, beside_botocore=beside_botocore)
    assert chalice.builds == 2


def test_the_functions_call_no_other_services() -> None:
    layers = ("api", "auth", "authoring", "engine", "events", "queues", "store", "telemetry", "user_code")
    sources = [path for layer in layers for path in (ROOT / "chalicelib" / layer).rglob("*.py")]
    sources += (ROOT / "chalicelib").glob("*.py")
    calls = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    called = {
        call.args[0].value
        for call in calls
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"client", "create_client"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert called | {"dynamodb"} == SERVICES  # PynamoDB makes its own client


def test_python_loads_the_bytecode_of_the_package_and_compiles_nothing(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    make_ready(package)
    unpacked = tmp_path / "task"
    with zipfile.ZipFile(package) as opened:
        opened.extractall(unpacked)
    (unpacked / "chalicelib" / "greeting.py").write_text("this is no longer what was compiled")

    code = "import app, chalicelib.greeting as it; print(it.TEXT, it.__file__)"
    environ = {**os.environ, "PYTHONPATH": str(unpacked)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=unpacked, capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == ["hello", str(unpacked / "chalicelib" / "greeting.py")]


def test_only_bytecode_of_the_python_that_chalice_deploys_for_is_in_the_package(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    make_ready(package)
    bytecode = {name for name in names(package) if name.endswith(".pyc")}
    assert bytecode == {
        f"{folder}__pycache__/{module}.{sys.implementation.cache_tag}.pyc"
        for folder, module in [
            ("", "app"),
            ("botocore/", "__init__"),
            ("chalicelib/", "__init__"),
            ("chalicelib/", "greeting"),
        ]
    }


def test_files_keep_their_permissions(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with zipfile.ZipFile(package, "a") as opened:
        opened.write(program, "bin/program")
    make_ready(package)
    with zipfile.ZipFile(package) as opened:
        assert opened.getinfo("bin/program").external_attr >> 16 & 0o777 == 0o755


def test_bytecode_can_be_read_by_whoever_the_function_runs_as(tmp_path: Path) -> None:
    package = built(tmp_path / "deployment.zip")
    strict = os.umask(0o077)
    try:
        make_ready(package)
    finally:
        os.umask(strict)
    with zipfile.ZipFile(package) as opened:
        modes = {each.external_attr >> 16 & 0o777 for each in opened.infolist() if ".pyc" in each.filename}
    assert modes == {0o644}


def test_the_package_that_chalice_deploys_is_the_one_made_ready(tmp_path: Path) -> None:
    chalice = Chalice()
    (tmp_path / "out").mkdir()
    package = build_package(stage(tmp_path), tmp_path / "out", chalice)
    (kept,) = (tmp_path / ".chalice" / "deployments").iterdir()
    first = kept.read_bytes()
    assert services(package) == SERVICES
    assert package.read_bytes() == first

    build_package(stage(tmp_path), tmp_path / "out", chalice)

    assert kept.read_bytes() == first
    assert chalice.builds == 1


def test_a_package_that_an_interruption_cut_short_is_built_anew(tmp_path: Path) -> None:
    chalice = Chalice()
    (tmp_path / "out").mkdir()
    build_package(stage(tmp_path), tmp_path / "out", chalice)
    (kept,) = (tmp_path / ".chalice" / "deployments").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])

    package = build_package(stage(tmp_path), tmp_path / "out", chalice)

    assert chalice.builds == 2
    assert kept.read_bytes() == package.read_bytes()


def test_a_package_that_was_built_and_not_made_ready_is_built_anew(tmp_path: Path) -> None:
    chalice = Chalice("numpy==2.4.0")
    (tmp_path / "out").mkdir()
    for _ in range(2):  # Chalice says it only when it builds
        with pytest.raises(UnfitPackage):
            build_package(stage(tmp_path, "arm64"), tmp_path / "out", chalice)
    assert chalice.builds == 2


def test_packages_that_do_not_fit_the_functions_are_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UnfitPackage) as raised:
        build_package(stage(tmp_path, "arm64"), tmp_path / "out", Chalice("numpy==2.4.0", "scipy==1.9"))
    assert str(raised.value) == (
        f"No wheel for arm64 and {this_runtime()}: numpy==2.4.0, scipy==1.9. Take a version that has one, "
        "put the package into vendor/, or set lambda_architecture in .chalice/config.json to x86_64"
    )


def test_what_chalice_leaves_out_is_read_from_what_it_says() -> None:
    said = "Creating deployment package.\n" + MISSING_DEPENDENCIES_TEMPLATE % "numpy==2.4.0\nscipy==1.9"
    assert left_out([line.strip() for line in said.splitlines()]) == ("numpy==2.4.0", "scipy==1.9")
    assert left_out(["Creating deployment package.", "Reusing existing deployment package."]) == ()


def elf(machine: int) -> bytes:
    """The beginning of a shared object of 64 bits, little end first."""
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x03\0" + machine.to_bytes(2, "little") + bytes(44)


X86, ARM = elf(62), elf(183)


@pytest.mark.parametrize(
    ("architecture", "files"),
    [
        ("x86_64", {"bcrypt/_bcrypt.abi3.so": X86, "tqdm/tqdm.py": b"print()"}),
        ("arm64", {"bcrypt/_bcrypt.abi3.so": ARM, "empty.so": b"", "short": b"\x7fELF"}),
        ("arm64", {"debugger/attach_x86.so": X86, "debugger/attach_arm.so": ARM}),
    ],
)
def test_binaries_for_the_functions_machine_are_packaged(
    tmp_path: Path, architecture: str, files: dict[str, bytes]
) -> None:
    (tmp_path / "out").mkdir()
    package = build_package(stage(tmp_path, architecture), tmp_path / "out", Chalice(files=files))
    assert files.keys() <= names(package)


@pytest.mark.parametrize(
    ("architecture", "files", "named"),
    [
        ("arm64", {"ours/fast.so": X86, "bcrypt/_bcrypt.abi3.so": ARM}, "ours/fast.so"),
        ("x86_64", {"lib/libx.so.6": ARM}, "lib/libx.so.6"),
        ("x86_64", {"mac/fast.so": b"\xcf\xfa\xed\xfe" + bytes(40)}, "mac/fast.so"),
        ("arm64", {f"lib/{name}.so": X86 for name in "abcdefg"}, "lib/e.so and 2 more"),
    ],
)
def test_binaries_for_another_machine_are_named(
    tmp_path: Path, architecture: str, files: dict[str, bytes], named: str
) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UnfitPackage, match=f"^Not for {architecture}: .*{named}. Take a version"):
        build_package(stage(tmp_path, architecture), tmp_path / "out", Chalice(files=files))
    assert not list((tmp_path / ".chalice" / "deployments").glob("*.new"))
