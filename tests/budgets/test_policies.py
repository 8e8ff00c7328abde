"""Each function may do what it does, and nothing else: the policies of a stage against ``use_cases``.

They are measured as they are deployed: the files in ``.chalice``, filled in for the stage.
"""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from chalicelib.deploy.description.functions import HANDLERS, function_name
from chalicelib.deploy.description.policies import filled_in
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.settings import LOCAL_FILES, PARAMETER_STORE, SECRETS_MANAGER, SettingError, Settings
from tests.budgets.functions import OPERATOR, Functions
from tests.budgets.rights import (
    KEYTAB,
    PARAMETER,
    PLACE,
    SECRET,
    STAGE,
    THE_FERNET_KEY,
    Asked,
    Right,
    queue,
)
from tests.budgets.use_cases import USE_CASES
from tests.moto_aws import empty_tables

CHALICE = Path(__file__).parents[2] / ".chalice"
FILES = {
    name: json.loads((CHALICE / options["iam_policy_file"]).read_text())
    for name, options in json.loads((CHALICE / "config.json").read_text())["lambda_functions"].items()
}
KEYTABS = (f"secretsmanager:{KEYTAB}", f"ssm:{KEYTAB}")
BACKENDS = (SECRETS_MANAGER, PARAMETER_STORE)


def policy_of(
    function: str, stage: str = STAGE, keytab: str = "", backend: str = "", kwargs: str = ""
) -> dict[str, Any]:
    """The policy of a function, as it is deployed."""
    environ = {
        "UPDRAFT__AWS__STAGE": stage,
        "AIRFLOW__KERBEROS__KEYTAB": keytab,
        "AIRFLOW__SECRETS__BACKEND": backend,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs,
    }
    return filled_in(FILES[function], Settings.from_environ(environ), PLACE)


def policies_of(function: str) -> list[dict[str, Any]]:
    """The policies that the use cases need of a function: keytabs and secrets are in one place or another."""
    return [
        policy_of(function, keytab=keytab, backend=backend)
        for keytab, backend in zip(KEYTABS, BACKENDS, strict=True)
    ]


def log_groups(function: str) -> list[str]:
    """A function's log group, and what is in it."""
    suffix = "" if function == "api_handler" else f"-{function}"  # Chalice names it updraft-<stage>
    group = PLACE.arn("logs", f"log-group:/aws/lambda/updraft-{STAGE}{suffix}")
    return [group, f"{group}:*"]


LOGGING = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
"""What Lambda's runtime does in a function's name (AWS, ``AWSLambdaBasicExecutionRole``)."""

FED_BY = {"scheduler": "scheduling", "worker": "tasks", "triggerer": "triggers", "events": "events"}
RECEIVING = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""What Lambda's poller does in a function's name (AWS, ``AWSLambdaSQSQueueExecutionRole``)."""

OWN = "My"
"""Begins the ``Sid`` of what the user's tasks need, in the worker's policy; docs/operating.md says so."""

LARGEST_POLICY = 10_240
"""Characters of a role's inline policies together, white space not counted (AWS, IAM quotas)."""


@pytest.fixture(scope="module")
def asked(stage: Settings) -> Asked:
    """What the functions ask for in all their uses, each on empty tables and by new processes."""
    asked = Asked()
    for use in USE_CASES:
        empty_tables()
        asked.use_case = use.__name__
        use(Functions(stage, asked))
    return asked


def statements(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statements of some policies, each once."""
    unique = {json.dumps(each): each for policy in policies for each in policy["Statement"]}
    return list(unique.values())


def allowed(statements: list[dict[str, Any]]) -> list[Right]:
    """What statements allow our own code, each right as often as it is given."""
    return [
        Right(action=action, resource=resource)
        for statement in statements
        if not statement["Sid"].startswith(OWN)
        for action in _each(statement["Action"])
        for resource in _each(statement["Resource"])
    ]


def _each(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def of_lambda(function: str) -> set[Right]:
    """What Lambda itself does in a function's name."""
    logging = {
        Right(action=action, resource=resource) for action in LOGGING for resource in log_groups(function)
    }
    if function not in FED_BY:
        return logging
    return logging | {Right(action=action, resource=queue(FED_BY[function])) for action in RECEIVING}


def test_only_the_worker_runs_code_that_may_need_rights_of_its_own() -> None:
    having_own = {
        name
        for name, policy in FILES.items()
        if any(statement["Sid"].startswith(OWN) for statement in policy["Statement"])
    }
    assert having_own <= {"worker"}


def test_every_function_is_used(asked: Asked) -> None:
    assert set(asked.rights) == {*FILES, OPERATOR}


@pytest.mark.parametrize("function", FILES)
def test_a_function_may_do_what_it_does(asked: Asked, function: str) -> None:
    given = {*allowed(statements(policies_of(function)))}
    missing = {right: use for right, use in asked.first_in[function].items() if right not in given}
    assert missing == {}
    assert of_lambda(function) - given == set()


@pytest.mark.parametrize("function", FILES)
def test_a_function_may_do_nothing_else(asked: Asked, function: str) -> None:
    given = allowed(statements(policies_of(function)))
    assert {*given} - asked.rights[function] - of_lambda(function) == set()
    assert len(given) == len({*given}), "a right is given twice"


@pytest.mark.parametrize("function", FILES)
def test_a_policy_says_what_it_allows_and_no_more(function: str) -> None:
    for policy in policies_of(function):
        assert {key for statement in policy["Statement"] for key in statement} <= {
            "Sid", "Effect", "Action", "Resource", "Condition",
        }  # fmt: skip
        assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
        assert not any("*" in right.action for right in allowed(policy["Statement"]))
        assert len("".join(json.dumps(policy).split())) <= LARGEST_POLICY


@pytest.mark.parametrize("function", FILES)
def test_a_bucket_is_used_only_if_it_is_the_accounts_own(function: str) -> None:
    of_the_account = {"StringEquals": {"aws:ResourceAccount": PLACE.account}}
    for statement in policy_of(function)["Statement"]:
        names_a_bucket = any(":s3:::" in resource for resource in _each(statement["Resource"]))
        assert statement.get("Condition") == (of_the_account if names_a_bucket else None), statement


def test_the_authorizer_may_read_the_keytab_that_the_stage_names_and_no_other() -> None:
    def keytabs(keytab: str) -> set[Right]:
        return secrets_of("authorizer", keytab=keytab)

    secret = Right(action="secretsmanager:GetSecretValue", resource=SECRET)
    parameter = Right(action="ssm:GetParameter", resource=PARAMETER)
    assert keytabs("") == keytabs("/etc/updraft.keytab") == set()
    assert keytabs(f"secretsmanager:{KEYTAB}") == {secret}
    assert keytabs(f"ssm:{KEYTAB}") == keytabs(f"ssm:{KEYTAB}:3") == keytabs(f"ssm:/{KEYTAB}") == {parameter}
    elsewhere = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:keytab-AbCdEf"
    assert {right.resource for right in keytabs(elsewhere)} == {elsewhere, f"{elsewhere}-??????"}


@pytest.mark.parametrize(
    "keytab", ["secretsmanager:*", "ssm:updraft-?", "arn:aws:secretsmanager:*:*:secret:*"]
)
def test_a_keytab_cannot_be_named_by_a_pattern(keytab: str) -> None:
    with pytest.raises(SettingError, match="AIRFLOW__KERBEROS__KEYTAB"):
        policy_of("authorizer", keytab=keytab)


def secrets_of(function: str, **of_the_stage: str) -> set[Right]:
    """The rights of a function to secrets and parameters."""
    rights = allowed(policy_of(function, **of_the_stage)["Statement"])
    return {right for right in rights if right.action.startswith(("secretsmanager:", "ssm:", "kms:"))}


USERS_CODE = ["worker", "triggerer"]
"""The functions that run code of DAG files."""


def test_what_runs_code_of_dag_files_alone_may_read_the_key_to_connections() -> None:
    key = Right(action="ssm:GetParameter", resource=THE_FERNET_KEY)
    assert {function: secrets_of(function) for function in FILES} == {
        **{function: set() for function in FILES},
        **{function: {key} for function in USERS_CODE},
    }


@pytest.mark.parametrize("function", USERS_CODE)
def test_it_may_read_what_is_below_the_prefixes_of_the_secrets_backend(function: str) -> None:
    def below(backend: str, **kwargs: Any) -> set[str]:
        rights = secrets_of(function, backend=backend, kwargs=json.dumps(kwargs))
        return {right.resource for right in rights} - {THE_FERNET_KEY}

    def secrets(*names: str) -> set[str]:
        return {PLACE.arn("secretsmanager", f"secret:{name}*") for name in names}

    def parameters(*names: str) -> set[str]:
        return {PLACE.arn("ssm", f"parameter/{name}*") for name in names}

    kinds = ("connections", "variables", "config")
    assert below(SECRETS_MANAGER) == secrets(*(f"airflow/{kind}/" for kind in kinds))
    assert below(PARAMETER_STORE) == parameters(*(f"airflow/{kind}/" for kind in kinds))
    own = {"connections_prefix": "acme", "variables_prefix": None, "config_prefix": "acme-config/"}
    assert below(SECRETS_MANAGER, **own) == secrets("acme/", "acme-config/")
    assert below(SECRETS_MANAGER, **own, sep="_") == secrets("acme_", "acme-config/_")
    assert below(PARAMETER_STORE, **own) == parameters("acme/", "acme-config/")
    nothing = {f"{kind}_prefix": "" for kind in kinds}
    assert below(SECRETS_MANAGER, **nothing) == below(PARAMETER_STORE, **nothing) == set()
    assert below(LOCAL_FILES) == set()


@pytest.mark.parametrize("prefix", ["*", "acme/?", "${aws:x}"])
def test_a_prefix_cannot_be_a_pattern(prefix: str) -> None:
    with pytest.raises(SettingError, match="connections_prefix"):
        secrets_of("worker", backend=SECRETS_MANAGER, kwargs=json.dumps({"connections_prefix": prefix}))


def everything_of(stage: str) -> set[str]:
    """An ARN of each thing that a stage has."""
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": stage})
    resources = stage_resources(settings)
    tables = {PLACE.arn("dynamodb", f"table/{table.name}") for table in resources.tables}
    queues = {PLACE.arn("sqs", name) for each in resources.queues for name in (each.name, each.dead_letters)}
    functions = {function_name(stage, handler) for handler in HANDLERS}
    groups = {PLACE.arn("logs", f"log-group:/aws/lambda/{function}") for function in functions}
    bucket = f"arn:aws:s3:::{resources.bucket.name}"
    prefixes = ("auth", "conf", "dag_versions", "dataset_changes", "logs", "plans", "xcom")
    objects = {f"{bucket}/{each}/a/b" for each in prefixes}
    return {
        *tables,
        *(f"{table}/index/due" for table in tables),
        *queues,
        *groups,
        *(f"{group}:log-stream:2026/01/01/[$LATEST]0123" for group in groups),
        bucket,
        *objects,
        PLACE.arn("secretsmanager", f"secret:updraft-{stage}-keytab-AbCdEf"),
        PLACE.arn("ssm", f"parameter/updraft-{stage}-keytab"),
        PLACE.arn("ssm", f"parameter/{settings.fernet_key_parameter}"),
    }


@pytest.mark.parametrize(
    ("stage", "other"),
    [("dev", "prod"), ("dev", "dev-2"), ("dev-2", "dev"), ("dev", "dev2"), ("a", "a-tasks"), ("a-b", "a")],
)
@pytest.mark.parametrize("function", FILES)
def test_no_function_of_a_stage_may_touch_anything_of_another(function: str, stage: str, other: str) -> None:
    for service in ("secretsmanager", "ssm"):
        policy = policy_of(function, stage, f"{service}:updraft-{stage}-keytab")
        for right in allowed(policy["Statement"]):
            assert any(fnmatchcase(arn, right.resource) for arn in everything_of(stage)), right
            assert not any(fnmatchcase(arn, right.resource) for arn in everything_of(other)), right


@pytest.mark.parametrize("function", FILES)
def test_a_table_or_queue_that_is_named_is_the_only_one_that_is_meant(function: str) -> None:
    everything = everything_of(STAGE)
    for right in allowed(statements(policies_of(function))):
        if right.action.startswith(("dynamodb:", "sqs:")):
            assert [arn for arn in everything if fnmatchcase(arn, right.resource)] == [right.resource]
