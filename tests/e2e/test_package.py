"""What is deployed: how large, made of what, and what each function loads before its first answer."""

import json
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.deploy.packaging.binaries import MACHINES, machines
from chalicelib.deploy.runtimes import this_runtime
from tests.e2e.conftest import PROJECT, PYTHON
from tests.e2e.stage.cold_starts import ColdStart, functions_of
from tests.e2e.stage.package_contents import Contents, contents
from tests.e2e.stage.project import OPEN, OWN_ARCHITECTURE, STAGE, Project, stage_project

pytestmark = pytest.mark.e2e

ZIPPED_MB = 20.5
"""AWS takes 50 MB by direct upload, which is how Chalice does it."""
UNZIPPED_MB = 58.5
"""Of Lambda's 250 MB; the rest is for what DAGs need."""

DIRECT = {
    "bcrypt",
    "botocore",
    "croniter",
    "cryptography",
    "jinja2",
    "jmespath",
    "jsonschema",
    "minikerberos",
    "pendulum",
    "pynamodb",
    "python-ulid",
    "tzdata",
}
INDIRECT = {
    "markupsafe",  # jinja2
    "python-dateutil",  # botocore, croniter, pendulum
    "six",  # python-dateutil
    "typing-extensions",  # pynamodb
    "urllib3",  # botocore
    # jsonschema
    "attrs",
    "jsonschema-specifications",
    "referencing",
    "rpds-py",
    # minikerberos
    "asn1crypto",
    "asysocks",
    "cffi",
    "h11",
    "oscrypto",
    "pycparser",
    "pycryptodomex",
    "tqdm",
    "unicrypto",
}

PACKAGE_SECONDS = 600
"""Packages for another machine are downloaded."""

MODULES = {
    "api_handler": (190, 478),
    "scheduler": (173, 495),
    "worker": (173, 560),
    "triggerer": (173, 560),
    "events": (173, 472),
    "tick": (173, 475),
    "authorizer": (130, 436),
}
"""At most so many modules after the import, and after the first event; the standard library's included."""

LOADED_BY = {
    "bcrypt": {"authorizer"},
    "croniter": set(),
    "cryptography": set(),  # of a worker the first connection whose secrets are encrypted
    "jsonschema": set(),
    "jinja2": set(),  # of a worker only the processes that user code runs in
    "minikerberos": set(),
    "pendulum": set(),
    "pynamodb": MODULES.keys(),
}
"""What is heavy, and the functions whose first event needs it."""


@pytest.fixture(scope="module")
def package(project: Project) -> Path:
    """The package that was deployed last."""
    if project.auth_backend is None:
        project.deploy(OPEN)
    packages = (project.directory / ".chalice" / "deployments").glob("*.zip")
    return max(packages, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="module")
def packaged(package: Path) -> Contents:
    return contents(package)


@pytest.fixture(scope="module")
def cold_starts(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ColdStart]]:
    unpacked = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package) as opened:
        opened.extractall(unpacked)
    with functions_of(unpacked, PYTHON, tmp_path_factory.mktemp("cold")) as functions:
        yield functions.cold_starts()


def test_the_package_keeps_to_its_size(packaged: Contents) -> None:
    assert packaged.zipped_mb <= ZIPPED_MB
    assert packaged.unzipped_mb <= UNZIPPED_MB


def test_nothing_is_packaged_that_a_lambda_does_not_need(packaged: Contents) -> None:
    assert packaged.distributions == DIRECT | INDIRECT
    required = re.findall(r"^([\w-]+)==", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    assert {name.lower() for name in required} == DIRECT


def test_the_package_carries_bytecode_of_everything_the_functions_load(
    cold_starts: dict[str, ColdStart], package: Path
) -> None:
    with zipfile.ZipFile(package) as opened:
        compiled = {name for name in opened.namelist() if name.endswith(".pyc")}
        sources = {name for name in opened.namelist() if name.endswith(".py")}
    loaded = {name for cold_start in cold_starts.values() for name in cold_start.answered.modules}
    files = {path for name in loaded for path in _files(name)} & sources
    assert len(files) > 300
    assert {_bytecode(path) for path in files} <= compiled


def _files(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def _bytecode(source: str) -> str:
    folder, _, name = source.rpartition("/")
    compiled = f"{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return f"{folder}/__pycache__/{compiled}".removeprefix("/")


def test_each_function_answers_its_first_event_with_what_is_packaged(
    cold_starts: dict[str, ColdStart],
) -> None:
    answers = {function: cold_start.answer for function, cold_start in cold_starts.items()}
    assert answers["api_handler"]["statusCode"] == 200
    assert answers["authorizer"]["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    for function in ("scheduler", "worker", "triggerer", "events"):
        assert answers[function] == {"batchItemFailures": []}


@pytest.mark.parametrize("function", MODULES)
def test_a_cold_start_keeps_to_its_number_of_modules(
    cold_starts: dict[str, ColdStart], function: str
) -> None:
    cold_start, (imported, answered) = cold_starts[function], MODULES[function]
    assert len(cold_start.imported.modules) <= imported
    assert len(cold_start.answered.modules) <= answered


def test_a_dry_run_says_what_the_stage_runs_on_and_builds_the_package(
    package: Path, project: Project
) -> None:
    before = {*package.parent.iterdir()}
    said = project.command_line("deploy", "--stage", STAGE, "--dry-run", timeout=PACKAGE_SECONDS)
    assert f"  use     {this_runtime()} on {OWN_ARCHITECTURE}; AWS" in said
    assert "  ask     1800 s for a try\n" in said, "and it has them"
    built = rf"^  [\d.]+ MB for {re.escape(this_runtime())} on {OWN_ARCHITECTURE}$"
    assert re.search(built, said, re.MULTILINE)
    assert [line for line in said.splitlines() if re.match(r"  (create|change|update .*:)", line)] == []
    assert {*package.parent.iterdir()} == before, "what was deployed is what was built"


@pytest.fixture
def other_project(tmp_path: Path) -> Project:
    """A copy of the project that is packaged and not deployed."""
    staged = stage_project(PROJECT, tmp_path / "updraft", adapter_port=0)
    staged.set_stage(OPEN)
    return staged


@pytest.mark.parametrize("architecture", MACHINES)
def test_every_binary_is_for_the_machine_of_the_functions(other_project: Project, architecture: str) -> None:
    other_project.set_architecture(architecture)
    other_project.command_line("package", "--stage", STAGE, timeout=PACKAGE_SECONDS)

    out = other_project.directory / "out"
    with zipfile.ZipFile(out / "deployment.zip") as opened:
        found = machines(opened)
    assert len(found) > 20
    assert {name: machine for name, machine in found.items() if machine != MACHINES[architecture]} == {}
    resources = json.loads((out / "sam.json").read_text())["Resources"].values()
    functions = [each["Properties"] for each in resources if each["Type"] == "AWS::Serverless::Function"]
    assert [function["Architectures"] for function in functions] == [[architecture]] * len(functions)
    assert functions


def test_a_package_without_a_wheel_for_the_functions_is_named_in_one_line(
    other_project: Project, tmp_path: Path
) -> None:
    (foreign,) = MACHINES.keys() - {OWN_ARCHITECTURE}
    other_project.set_architecture(foreign)
    with (other_project.directory / "requirements.txt").open("a") as requirements:
        requirements.write("only-here==1.0\n")
    wheels = wheel_for_this_machine(tmp_path / "wheels")

    done = subprocess.run(
        [sys.executable, "-m", "chalicelib", "package", "--stage", STAGE],
        cwd=other_project.directory,
        env={**other_project.environment, "PIP_FIND_LINKS": str(wheels)},
        timeout=PACKAGE_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert line.startswith(f"Error: No wheel for {foreign} and {this_runtime()}: only-here==1.0. Take")
    assert not (other_project.directory / "out" / "deployment.zip").exists()


def wheel_for_this_machine(folder: Path) -> Path:
    """A folder with a wheel of the package only-here, which other machines cannot load."""
    folder.mkdir()
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tag = f"{python}-{python}-manylinux2014_{platform.machine()}"
    metadata = "only_here-1.0.dist-info"
    with zipfile.ZipFile(folder / f"only_here-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr("only_here/__init__.py", "")
        wheel.writestr(f"{metadata}/METADATA", "Metadata-Version: 2.1\nName: only-here\nVersion: 1.0\n")
        wheel.writestr(f"{metadata}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{metadata}/RECORD", "")
    return folder


@pytest.mark.parametrize("library", LOADED_BY)
def test_only_functions_that_need_it_load_what_is_heavy(
    cold_starts: dict[str, ColdStart], library: str
) -> None:
    users = {name for name, cold_start in cold_starts.items() if library in cold_start.answered.libraries}
    assert users == LOADED_BY[library]
