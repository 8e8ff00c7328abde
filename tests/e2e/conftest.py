"""The project, deployed to an emulated AWS by its own command, for all tests of a process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from chalicelib import aws
from chalicelib.auth.backends import BASIC_AUTH
from tests.e2e.stage.chalice_deploy_adapter import chalice_deploy_adapter
from tests.e2e.stage.project import CLOSED, OPEN, Project, aws_environment, stage_project
from tests.emulator import Emulator, ministack
from tests.scripted.contract_dags import FOLDER as CONTRACT_DAGS

PROJECT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
DAGS = FOLDER / "dags"

PYTHON = PROJECT / ".venv-emulator" / "bin" / "python"
"""Of an environment that holds nothing but ministack, whose Lambda functions see its packages: what is
missing in `requirements.txt` has to be missing there too."""

BEHIND_TLS = ("-P", str(FOLDER / "stage" / "ministack_behind_tls.py"))
"""What Python runs: nothing beside that file is to be found by ministack or its functions (`-P`)."""

ENFORCE_IAM = {
    "AUTH": "true",  # functions get no more than the policies of the stage give their roles
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


FIRST = ("test_cloudformation", "test_killed_deployment")
"""Modules that find nothing deployed; the last leaves the stage open for those that are not named here."""

LAST = ("test_clock_on_the_stage",)
"""What takes a minute to happen has mostly happened by then."""

ON_A_SECOND_STAGE = ("test_updated_stage", "test_closed_stage", "test_destroyed_stage", "test_guarded_stage")
"""Modules that deploy the stage anew, where the one before leaves it; beside the others, if there is a
second process."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: deploys to an emulated AWS; run by `make e2e`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploy as seldom as possible: tests of a stage go in the order in which they are written.

    Those of other folders keep theirs.
    """
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[int, Path, int]:
    if not item.path.is_relative_to(FOLDER):
        return -len(FIRST) - 1, FOLDER, 0
    return _turn(item.path.stem), item.path, item.location[1] or 0


def _turn(module: str) -> int:
    if module in FIRST:
        return FIRST.index(module) - len(FIRST)
    later = (*LAST, *ON_A_SECOND_STAGE)
    return later.index(module) + 1 if module in later else 0


class OneProcessPerStage(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps the tests of a stage in one process, which has an emulator of its own."""

    def _split_scope(self, nodeid: str) -> str:
        return "second stage" if Path(nodeid.partition("::")[0]).stem in ON_A_SECOND_STAGE else "first stage"


@pytest.hookimpl(optionalhook=True)  # without xdist all tests are on one stage
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneProcessPerStage:
    return OneProcessPerStage(config, log)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run `make e2e`, which makes it", pytrace=False)
    with ministack(PYTHON, tmp_path_factory.mktemp("ministack"), ENFORCE_IAM, BEHIND_TLS) as running:
        yield running


@pytest.fixture(scope="session")
def adapter_port(emulator: Emulator) -> Iterator[int]:
    with chalice_deploy_adapter(emulator.port) as port:
        yield port


@pytest.fixture(scope="session")
def _aws(adapter_port: int) -> Iterator[None]:
    """Lead this process's own AWS clients to the emulator, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_environment(adapter_port).items():
            patch.setenv(name, value)
        _forget_clients()
        yield
        _forget_clients()


def _forget_clients() -> None:
    aws.client.cache_clear()
    aws.session.cache_clear()


@pytest.fixture(scope="session")
def project(_aws: None, adapter_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A copy of the project with the DAGs of the tests among its own, not deployed yet."""
    staged = stage_project(PROJECT, tmp_path_factory.mktemp("project") / "updraft", adapter_port)
    for folder in (DAGS, CONTRACT_DAGS):
        for dag_file in folder.glob("*.py"):
            shutil.copy(dag_file, staged.directory / "chalicelib" / "dags")
    shutil.copy(DAGS / "events.toml", staged.directory / "chalicelib" / "dags")
    aws.client("s3").create_bucket(Bucket="acme-incoming")  # which events.toml names, as the topic
    aws.client("sns").create_topic(Name="acme-alerts")
    yield staged
    refusals = [line for line in staged.function_logs().splitlines() if "AccessDenied" in line]
    assert refusals == [], "a function asked AWS for what its policy does not give it"


@pytest.fixture
def open_stage(project: Project) -> Project:
    """The project, deployed so that it asks nobody for credentials."""
    project.ensure(OPEN)
    return project


@pytest.fixture
def closed_stage(project: Project) -> Project:
    """The project, deployed so that it refuses everybody."""
    project.ensure(CLOSED)
    return project


@pytest.fixture(scope="session")
def with_passwords(project: Project) -> Project:
    """The stage under basic_auth, with two users; nothing that was proven is remembered."""
    project.set_variables(UPDRAFT__API__BCRYPT_COST="4", UPDRAFT__API__AUTH_CACHE_SECONDS="0")
    project.deploy(BASIC_AUTH)
    project.on_its_tables("users", "create", "ada", stdin="löve:lace")
    project.on_its_tables("users", "create", "bob", stdin="builder")
    return project
