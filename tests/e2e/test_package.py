"""What is deployed: how large, made of what, and what each function loads before its first answer."""

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cold_starts import ColdStart, functions_of
from tests.e2e.conftest import PROJECT, PYTHON
from tests.e2e.packaged import Contents, contents
from tests.e2e.project import OPEN, Project

pytestmark = pytest.mark.e2e

ZIPPED_MB = 18
"""AWS takes 50 MB by direct upload, which is how Chalice does it."""
UNZIPPED_MB = 52
"""Of Lambda's 250 MB; the rest is for what DAGs need."""

DIRECT = {
    "bcrypt",
    "botocore",
    "croniter",
    "jinja2",
    "jmespath",
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
    # minikerberos
    "asn1crypto",
    "asysocks",
    "cffi",
    "cryptography",
    "h11",
    "oscrypto",
    "pycparser",
    "pycryptodomex",
    "tqdm",
    "unicrypto",
}

MODULES = {
    "api_handler": (190, 460),
    "scheduler": (160, 460),
    "worker": (160, 540),
    "events": (160, 450),
    "tick": (160, 460),
    "authorizer": (130, 430),
}
"""At most so many modules after the import, and after the first event; the standard library's included."""

LOADED_BY = {
    "bcrypt": {"authorizer"},
    "croniter": set(),
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
    for function in ("scheduler", "worker", "events"):
        assert answers[function] == {"batchItemFailures": []}


@pytest.mark.parametrize("function", MODULES)
def test_a_cold_start_keeps_to_its_number_of_modules(
    cold_starts: dict[str, ColdStart], function: str
) -> None:
    cold_start, (imported, answered) = cold_starts[function], MODULES[function]
    assert len(cold_start.imported.modules) <= imported
    assert len(cold_start.answered.modules) <= answered


@pytest.mark.parametrize("library", LOADED_BY)
def test_only_functions_that_need_it_load_what_is_heavy(
    cold_starts: dict[str, ColdStart], library: str
) -> None:
    users = {name for name, cold_start in cold_starts.items() if library in cold_start.answered.libraries}
    assert users == LOADED_BY[library]
