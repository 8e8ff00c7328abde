"""A stage as it is described, and what is refused before anything is changed."""

import json
from pathlib import Path
from threading import RLock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.auth.backends import BASIC_AUTH, KERBEROS_AUTH, UnknownBackend
from chalicelib.deploy.deployment import next_step
from chalicelib.deploy.description.policies import PolicyFileError
from chalicelib.deploy.stages import StageError, enter, read_stage
from chalicelib.deploy.validation import validate
from chalicelib.domain.connections import StoredConnection
from chalicelib.domain.variables import StoredVariable
from chalicelib.events.declarations import DeclarationError
from chalicelib.settings import SettingError
from chalicelib.store.memory import MemoryStore
from chalicelib.store.memory.variables import MemoryVariables

FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"


def project(path: Path, **variables: str) -> Path:
    (path / ".chalice").mkdir()
    (path / "chalicelib" / "dags").mkdir(parents=True)
    dev = {"UPDRAFT__AWS__STAGE": "dev", FOLDER: "chalicelib/dags", **variables}
    config: dict[str, Any] = {
        "environment_variables": {"TEAM": "ops", "AIRFLOW__API__AUTH_BACKEND": KERBEROS_AUTH},
        "stages": {"local": {}, "dev": {"environment_variables": dev}, "prod": {}},
    }
    (path / ".chalice" / "config.json").write_text(json.dumps(config))
    return path


def test_a_stage_has_the_variables_of_all_stages_and_its_own(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path, AIRFLOW__API__AUTH_BACKEND=BASIC_AUTH), "dev")
    assert stage.variables["TEAM"] == "ops"
    assert stage.settings.auth_backend == BASIC_AUTH
    assert stage.settings.dags_folder == tmp_path / "chalicelib" / "dags"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("local", "local server"),
        ("test", r"no stage test: .chalice/config.json has dev, prod"),
        ("prod", "UPDRAFT__AWS__STAGE is 'local' .* has to be 'prod'"),
    ],
)
def test_what_is_no_stage_to_deploy_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(StageError, match=says):
        read_stage(project(tmp_path), name)


@pytest.mark.parametrize("handler", ["authorizer", "scheduler", "worker", "events", "tick"])
def test_no_stage_is_called_as_a_function_of_another(tmp_path: Path, handler: str) -> None:
    path = project(tmp_path)
    config = path / ".chalice" / "config.json"
    name = f"dev-{handler}"
    own = {"environment_variables": {"UPDRAFT__AWS__STAGE": name}}
    config.write_text(json.dumps({"stages": {name: own, handler: own, "dev": {}}}))
    with pytest.raises(
        StageError, match=f"updraft-{name}, would have the name of the {handler} of a stage dev"
    ):
        read_stage(path, name)
    with pytest.raises(StageError, match="has to be"):  # whose function would be updraft-worker: nobody's
        read_stage(path, handler)


def test_policy_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path, AIRFLOW__API__AUTH_BACKEND=BASIC_AUTH), "dev")
    folder = tmp_path / ".chalice"
    config = json.loads((folder / "config.json").read_text())
    config["stages"]["dev"]["lambda_functions"] = {"worker": {"iam_policy_file": "mine.json"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        PolicyFileError, match=r"^There is no policy file .*mine\.json, which .chalice/config.json"
    ):
        validate(stage, MemoryStore().variables)
    (folder / "mine.json").write_text('{"Statement": [')
    with pytest.raises(PolicyFileError, match=r"mine\.json is no JSON"):
        validate(stage, MemoryStore().variables)
    (folder / "mine.json").write_text("[]")
    with pytest.raises(PolicyFileError, match=r"mine\.json has no list of statements"):
        validate(stage, MemoryStore().variables)
    (folder / "mine.json").write_text('{"Statement": [{"Resource": "updraft-{stgae}"}]}')
    with pytest.raises(PolicyFileError, match="stgae"):
        validate(stage, MemoryStore().variables)


def test_two_stages_do_not_share_a_bucket(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="Stages dev and prod have the same bucket"):
        read_stage(project(tmp_path, UPDRAFT__AWS__BUCKET="updraft-prod-bucket"), "dev")


def test_a_setting_that_cannot_be_read_stops_a_deployment(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="UPDRAFT__API__BCRYPT_COST"):
        read_stage(project(tmp_path, UPDRAFT__API__BCRYPT_COST="99"), "dev")


def test_the_developers_own_settings_do_not_leak_into_a_deployment(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "AIRFLOW__API__AUTH_BACKEND": "airflow.api.auth.backend.default",
        "UPDRAFT__LOCAL__STATE_DIR": "here",
        "KRB5_KTNAME": "mine.keytab",
        "AIRFLOW_VAR_CITY": "Ulm",
        "AIRFLOW_CONN_DB": "postgres://here",
    }
    stage = read_stage(project(tmp_path), "dev")
    enter(stage, environ)
    assert environ == {"PATH": "/bin"} | dict(stage.variables)


def test_an_unknown_backend_stops_a_deployment(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path, AIRFLOW__API__AUTH_BACKEND="no.such"), "dev")
    with pytest.raises(UnknownBackend, match=r"AIRFLOW__API__AUTH_BACKEND is 'no\.such'"):
        validate(stage, MemoryStore().variables)


def test_a_broken_file_of_declarations_stops_a_deployment(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path), "dev")
    (stage.settings.dags_folder / "events.toml").write_text('[[event]]\ndag_id = "a"\nsource = "s3"\n')
    with pytest.raises(DeclarationError, match="bucket is missing"):
        validate(stage, MemoryStore().variables)


@pytest.mark.parametrize(
    ("dag", "reason"),
    [
        ("DAG(1 / 0)", "division by zero"),
        ("dag = DAG('odd', schedule=None, description=object())", "not JSON serializable"),
    ],
    ids=["it raises", "its DAG cannot be kept"],
)
def test_a_dag_file_that_is_no_use_stops_a_deployment(tmp_path: Path, dag: str, reason: str) -> None:
    stage = read_stage(project(tmp_path), "dev")
    (stage.settings.dags_folder / "broken.py").write_text(f"from airflow import DAG\n{dag}\n")
    with pytest.raises(StageError, match=rf"cannot be loaded: broken\.py: .*{reason}"):
        validate(stage, MemoryStore().variables)


ASKING = """
from airflow import DAG
from airflow.models import Variable
DAG(Variable.get("name"), description=Variable.setdefault("text", "rehearsed"))
"""


def test_a_dag_file_finds_the_stages_variables_and_leaves_them_as_they_are(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path), "dev")
    (stage.settings.dags_folder / "asking.py").write_text(ASKING)
    variables = MemoryStore().variables
    with pytest.raises(StageError, match=r"asking\.py: line 4: KeyError: 'Variable name does not exist'"):
        validate(stage, variables)
    variables.save(StoredVariable(key="name", value="daily"))
    validate(stage, variables)
    assert variables.get("text") is None


class NoTable(MemoryVariables):
    """Before the first deployment."""

    def get(self, key: str) -> StoredVariable | None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetItem")


def test_before_the_first_deployment_there_are_no_variables(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path), "dev")
    (stage.settings.dags_folder / "asking.py").write_text(ASKING)
    with pytest.raises(StageError, match="Variable name does not exist"):
        validate(stage, NoTable(RLock()))


CONNECTING = """
from airflow import DAG
from airflow.hooks.base import BaseHook
with DAG(BaseHook.get_connection("db").host, schedule=None):
    pass
"""


class NoTableOfConnections:
    """Before the first deployment."""

    def get(self, conn_id: str) -> StoredConnection | None:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetItem")


def test_a_dag_file_finds_the_stages_connections(tmp_path: Path) -> None:
    stage = read_stage(project(tmp_path), "dev")
    (stage.settings.dags_folder / "connecting.py").write_text(CONNECTING)
    store = MemoryStore()
    for connections in (store.connections, NoTableOfConnections()):
        with pytest.raises(StageError, match=r"connecting\.py: line 4: .*The conn_id `db` isn't defined"):
            validate(stage, store.variables, connections=connections)
    store.connections.save(StoredConnection(conn_id="db", host="daily"))
    validate(stage, store.variables, connections=store.connections)


@pytest.mark.parametrize("name", ["AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__CORE__FERNET_KEY_CMD"])
def test_the_key_to_connections_does_not_belong_where_many_can_read_it(tmp_path: Path, name: str) -> None:
    stage = read_stage(project(tmp_path, **{name: "s3cr3t"}), "dev")
    with pytest.raises(StageError, match="a key in the parameter updraft-dev-fernet_key") as caught:
        validate(stage, MemoryStore().variables)
    assert "s3cr3t" not in str(caught.value)
    assert stage.settings.fernet_key == ""


@pytest.mark.parametrize(("folder", "says"), [("/var/task/dags", "is not there"), ("..", "only what is in")])
def test_a_dags_folder_that_is_not_packaged_stops_a_deployment(
    tmp_path: Path, folder: str, says: str
) -> None:
    stage = read_stage(project(tmp_path, **{FOLDER: folder}), "dev")
    with pytest.raises(StageError, match=f"{FOLDER} is .*{says}"):
        validate(stage, MemoryStore().variables)


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("airflow.api.auth.backend.default", ""),
        ("airflow.api.auth.backend.basic_auth", "--user NAME "),
        ("airflow.api.auth.backend.kerberos_auth", "--negotiate --user : "),
    ],
)
def test_the_next_step_has_the_credentials_that_the_backend_wants(backend: str, options: str) -> None:
    assert next_step("https://x/api/experimental", backend) == (
        f"Try: curl {options}https://x/api/experimental/test"
    )


def test_of_a_closed_stage_is_said_how_to_open_it() -> None:
    said = next_step("https://x/api/experimental", "airflow.api.auth.backend.deny_all")
    assert said.startswith("Nobody may call it yet: set AIRFLOW__API__AUTH_BACKEND")
