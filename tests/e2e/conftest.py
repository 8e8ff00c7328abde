"""The project, deployed to an emulated AWS by its own command, for the whole session."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib import aws
from tests.contract.deployed_dags import FOLDER as CONTRACT_DAGS
from tests.e2e.chalice_deploy_adapter import chalice_deploy_adapter
from tests.e2e.project import CLOSED, OPEN, Project, aws_environment, stage_project
from tests.emulator import Emulator, ministack

PROJECT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags"

PYTHON = PROJECT / ".venv-emulator" / "bin" / "python"
"""Of an environment that holds nothing but ministack, whose Lambda functions see its packages: what is
missing in `requirements.txt` has to be missing there too."""

ENFORCE_IAM = {
    "AUTH": "true",  # functions get no more than the policies in `.chalice` give their roles
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: deploys to an emulated AWS; run by `make e2e`")
    config.addinivalue_line("markers", "destroys_the_stage: leaves nothing but its data")
    config.addinivalue_line("markers", "closes_the_stage: finds the stage open and leaves it closed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deploy as seldom as possible: what wants an open stage, what closes it, what wants it closed, then
    what has it ask who is there, and last what destroys it."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("destroys_the_stage"):
        return 4
    fixtures = set(getattr(item, "fixturenames", ()))
    if fixtures & {"with_passwords", "with_tickets"}:
        return 3
    if "closed_stage" in fixtures:
        return 2
    return 1 if item.get_closest_marker("closes_the_stage") else 0


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: run `make e2e`, which makes it", pytrace=False)
    with ministack(PYTHON, tmp_path_factory.mktemp("ministack"), ENFORCE_IAM) as running:
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
    return _deployed(project, OPEN)


@pytest.fixture
def closed_stage(project: Project) -> Project:
    """The project, deployed so that it refuses everybody."""
    return _deployed(project, CLOSED)


def _deployed(project: Project, auth_backend: str) -> Project:
    # One API is deployed over and over, as happens in its life; not again when it is as it should be.
    if project.auth_backend != auth_backend:
        project.deploy(auth_backend)
    return project
