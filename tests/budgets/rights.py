"""The rights that code under test takes of AWS: each call as IAM looks at it, an action on a resource.

    asked = Asked()
    with asked.by("worker"):
        store.dags.get("sales")
    assert asked.rights["worker"] == {Right(action="dynamodb:GetItem", resource=table("dags"))}

It listens to botocore's events, so it sees PynamoDB's calls and ours alike, of the clients of sessions
that are made after this module was imported. Resources are those of the stage ``STAGE``, whose policies
they are compared with; of an object's key only the first part counts.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore import handlers

from chalicelib.deploy.description.place import Place

STAGE = "budgets"
PLACE = Place(partition="aws", region="us-east-1", account="123456789012")
"""Where moto's AWS is."""

_OF_THE_STAGE = re.compile(rf"(.*/)?updraft-{STAGE}-(?P<name>[^/]+)")

_TRANSACTION_MEMBERS = {
    "ConditionCheck": "ConditionCheckItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
}
"""There is no right to a transaction: each member takes its own (AWS, IAM and DynamoDB transactions)."""

BUCKET = f"updraft-{STAGE}-bucket"
KEYTAB = f"updraft-{STAGE}-keytab"
THE_BUCKET = f"arn:aws:s3:::{BUCKET}"
SECRET = PLACE.arn("secretsmanager", f"secret:{KEYTAB}-??????")
PARAMETER = PLACE.arn("ssm", f"parameter/{KEYTAB}")
FERNET_KEY = f"updraft-{STAGE}-fernet_key"
THE_FERNET_KEY = PLACE.arn("ssm", f"parameter/{FERNET_KEY}")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Right:
    """An IAM action on a resource; the resource is a pattern of ARNs."""

    action: str
    resource: str


def table(name: str, index: str = "") -> str:
    """A table of the stage, or an index of it."""
    of_index = f"/index/{index}" if index else ""
    return PLACE.arn("dynamodb", f"table/updraft-{STAGE}-{name}{of_index}")


def queue(name: str) -> str:
    """A queue of the stage."""
    return PLACE.arn("sqs", f"updraft-{STAGE}-{name}")


def objects(prefix: str) -> str:
    """The objects of the stage whose keys begin with ``prefix/``."""
    return f"{THE_BUCKET}/{prefix}/*"


class Asked:
    """What was asked for while the blocks of ``by`` ran, by whom, and in which use case first."""

    def __init__(self) -> None:
        self.use_case = ""
        self.first_in: dict[str, dict[Right, str]] = defaultdict(dict)

    @property
    def rights(self) -> dict[str, set[Right]]:
        """The rights that each function took."""
        return {function: set(found) for function, found in self.first_in.items()}

    @contextmanager
    def by(self, function: str) -> Iterator[None]:
        """Note what is asked for meanwhile as the function's."""

        def note(right: Right) -> None:
            self.first_in[function].setdefault(right, self.use_case)

        _listeners.append(note)
        try:
            yield
        finally:
            _listeners.remove(note)


_listeners: list[Callable[[Right], None]] = []
"""The last one is told: what somebody else does meanwhile is not what was asked for by whom it interrupts."""


def rights_of(service: str, operation: str, params: Mapping[str, Any]) -> set[Right]:
    """The rights that a call takes; raises ``LookupError`` for one that no function has made so far."""
    return {
        Right(action=f"{service}:{action}", resource=resource)
        for action, resource in _BY_SERVICE[service](operation, params)
    }


_Pairs = Iterator[tuple[str, str]]


def _of_dynamodb(operation: str, params: Mapping[str, Any]) -> _Pairs:
    if "TransactItems" in params:
        for item in params["TransactItems"]:
            for member, request in item.items():
                yield _TRANSACTION_MEMBERS[member], table(_name(request["TableName"]))
        return
    for name in params.get("RequestItems") or [params["TableName"]]:
        yield operation, table(_name(name), params.get("IndexName", ""))


def _of_sqs(operation: str, params: Mapping[str, Any]) -> _Pairs:
    # The right to send one message is the right to send a batch (AWS, SQS API permissions).
    yield operation.removesuffix("Batch"), queue(_name(params.get("QueueUrl") or params["QueueName"]))


def _of_s3(operation: str, params: Mapping[str, Any]) -> _Pairs:
    assert params["Bucket"] == BUCKET
    yield operation, objects(params["Key"].split("/")[0])


def _of_secretsmanager(operation: str, params: Mapping[str, Any]) -> _Pairs:
    name = params["SecretId"]
    yield operation, SECRET if name == KEYTAB else PLACE.arn("secretsmanager", f"secret:{_below(name)}")


def _of_ssm(operation: str, params: Mapping[str, Any]) -> _Pairs:
    name = params["Name"]
    own = {KEYTAB: PARAMETER, FERNET_KEY: THE_FERNET_KEY}
    yield operation, own.get(name) or PLACE.arn("ssm", f"parameter/{_below(name).removeprefix('/')}")


def _below(name: str) -> str:
    """What lies beside a secret of a secrets backend, below the prefix of its kind."""
    return f"{name.rpartition('/')[0]}/*"


_BY_SERVICE = {
    "dynamodb": _of_dynamodb,
    "sqs": _of_sqs,
    "s3": _of_s3,
    "secretsmanager": _of_secretsmanager,
    "ssm": _of_ssm,
}


def _name(resource: str) -> str:
    """The part of a resource's name after the stage."""
    found = _OF_THE_STAGE.fullmatch(resource)
    assert found, f"{resource} is no resource of the stage"
    return found["name"]


def _before_call(params: Mapping[str, Any], event_name: str, **_: Any) -> None:
    if not _listeners:
        return
    service, operation = event_name.split(".")[1:]
    for right in rights_of(service.replace("-", ""), operation, params):
        _tell(right)


def _after_get_object(http_response: Any, **_: Any) -> None:
    # To tell that an object is missing S3 wants the right to list the bucket; without, it answers 403.
    if http_response.status_code == 404:
        _tell(Right(action="s3:ListBucket", resource=THE_BUCKET))


def _tell(right: Right) -> None:
    if _listeners:
        _listeners[-1](right)


handlers.BUILTIN_HANDLERS += [
    ("before-parameter-build", _before_call),
    ("after-call.s3.GetObject", _after_get_object),
]
