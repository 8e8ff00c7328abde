"""What is made of the package that Chalice built: its contents, and that Chalice will deploy it."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chalicelib.deploy.packaging.lambda_package import SERVICES, build_package, make_ready

ROOT = Path(__file__).parents[4]
DESCRIBED = ("athena", "dynamodb", "s3", "secretsmanager", "sqs", "ssm", "sts")

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


class Chalice:
    """Keeps the package it built, as Chalice does, and copies it to where it is asked for."""

    def __init__(self) -> None:
        self.builds = 0

    def __call__(self, project: Path, arguments: tuple[str, ...]) -> None:
        assert arguments[:3] == ("package", "--stage", "dev")
        kept = project / ".chalice" / "deployments" / "0123-python3.11.zip"
        if not kept.exists():
            self.builds += 1
            kept.parent.mkdir(parents=True, exist_ok=True)
            built(kept)
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


def test_the_functions_call_no_other_services() -> None:
    layers = ("api", "auth", "dag", "engine", "events", "queues", "store", "telemetry")
    sources = [path for layer in layers for path in (ROOT / "chalicelib" / layer).rglob("*.py")]
    sources += (ROOT / "chalicelib").glob("*.py")
    calls = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    called = {
        call.args[0].value
        for call in calls
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "client"
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
    package = build_package(tmp_path, "dev", tmp_path / "out", chalice)
    (kept,) = (tmp_path / ".chalice" / "deployments").iterdir()
    first = kept.read_bytes()
    assert services(package) == SERVICES
    assert package.read_bytes() == first

    build_package(tmp_path, "dev", tmp_path / "out", chalice)

    assert kept.read_bytes() == first
    assert chalice.builds == 1


def test_a_package_that_an_interruption_cut_short_is_built_anew(tmp_path: Path) -> None:
    chalice = Chalice()
    (tmp_path / "out").mkdir()
    build_package(tmp_path, "dev", tmp_path / "out", chalice)
    (kept,) = (tmp_path / ".chalice" / "deployments").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])

    package = build_package(tmp_path, "dev", tmp_path / "out", chalice)

    assert chalice.builds == 2
    assert kept.read_bytes() == package.read_bytes()
