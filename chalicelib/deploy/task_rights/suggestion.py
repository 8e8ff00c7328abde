"""``suggested``: the policy that tasks need on AWS by their operators, and what it cannot know. Pure."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.deploy.task_rights.grants import GRANTS, PACKAGE, Grant
from chalicelib.deploy.task_rights.resources import ANY, Arguments, resources
from chalicelib.domain.tasks.operators_in_use import OperatorInUse

_FOUNDATIONS = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        *("operators.base_aws", "sensors.base_aws", "utils.mixins", "transfers.base"),
        *("operators.ecs.EcsBase", "sensors.ecs.EcsBase", "operators.rds.RdsBase", "sensors.rds.RdsBase"),
        *("operators.sagemaker.SageMakerBase", "sensors.sagemaker.SageMakerBase", "sensors.emr.EmrBase"),
        "links.",
    )
)
"""How the names of classes begin that call nothing themselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A policy, and what a person has to look at."""

    policy: dict[str, Any]
    """A document of IAM's, sorted, with placeholders for partition, region and account."""
    notes: tuple[str, ...]
    """What could be narrower, and what is not in it, a line each."""
    with_triggers: tuple[str, ...]
    """The tasks whose triggers call AWS, too."""


@dataclass(frozen=True, order=True, slots=True)
class _Right:
    service: str
    action: str
    resource: str
    passed_to: str = ""


def suggested(operators: Iterable[OperatorInUse]) -> Suggestion:
    """The rights of the tasks that use these operators."""
    rights: set[_Right] = set()
    notes: list[str] = []
    with_triggers: list[str] = []
    for operator in operators:
        name = f"{operator.dag_id}.{operator.task_id}"
        known = next((each for each in operator.classes if each in GRANTS), None)
        if known is not None:
            own, vague = _rights_of(operator, GRANTS[known])
            rights |= own
            notes += [f"{name}: {each}" for each in vague]
            with_triggers += [name] if operator.arguments.get("deferrable") else []
        else:
            notes += [f"{name}: {each}" for each in _not_known(operator)]
        notes += [
            f"{name}: its Python code uses {caller}; what that calls cannot be seen: add it yourself"
            for caller in operator.callers
        ]
    statements = _statements(_without_spare(rights))
    policy = {"Version": "2012-10-17", "Statement": statements}
    return Suggestion(policy=policy, notes=tuple(notes), with_triggers=tuple(with_triggers))


def filled_in(policy: dict[str, Any], *, partition: str, region: str, account: str) -> dict[str, Any]:
    """The policy for a place, with no placeholder left: for a role that ``deploy`` does not fill in."""
    text = json.dumps(policy)
    for name, value in (("partition", partition), ("region", region), ("account", account)):
        text = text.replace(f"{{{name}}}", value)
    filled: dict[str, Any] = json.loads(text)
    return filled


def _rights_of(operator: OperatorInUse, grants: Iterable[Grant]) -> tuple[set[_Right], list[str]]:
    arguments = Arguments(known=operator.arguments, unknown=operator.unknown)
    given = [operator.arguments.get(name) for name in ("region_name", "region")]
    region = next(
        (each for each in given if isinstance(each, str) and re.fullmatch("[a-z0-9-]+", each)), None
    )
    rights: set[_Right] = set()
    notes: list[str] = []
    for grant in grants:
        if not _applies(grant, arguments):
            continue
        arguments.vague.clear()
        forms = grant.resources
        found = [each for form in forms for each in resources(form, arguments, region or "{region}")]
        rights |= {
            _Right(action.partition(":")[0], action, resource, grant.passed_to)
            for action in grant.actions
            for resource in (found or [ANY])
        }
        if arguments.vague:
            notes.append(_vague(grant, sorted(arguments.vague)))
    return rights, notes


def _vague(grant: Grant, names: list[str]) -> str:
    actions, arguments = ", ".join(grant.actions), ", ".join(names)
    if grant.passed_to:
        return (
            f"{actions} to {grant.passed_to} is on any role, for {arguments} does not tell which: "
            "put the ARN of the job's own role in its place"
        )
    return f"{actions} could be on less: {arguments} does not tell which"


def _applies(grant: Grant, arguments: Arguments) -> bool:
    is_asked = not grant.given or any(map(arguments.is_given, grant.given))
    return is_asked and not (grant.missing and all(map(arguments.is_given, grant.missing)))


def _not_known(operator: OperatorInUse) -> Iterator[str]:
    """Classes of the amazon provider of which nothing is known here."""
    names = (each for each in operator.classes if each.startswith(f"{PACKAGE}."))
    for name in names:
        if not name.startswith(tuple(_FOUNDATIONS)):
            yield f"what {name} calls is not known: add it yourself"
            return


def _without_spare(rights: set[_Right]) -> set[_Right]:
    """Those of which no other allows the same and more."""
    return {
        right
        for right in rights
        if not any(
            other != right
            and (other.action, other.passed_to) == (right.action, right.passed_to)
            and _covers(other.resource, right.resource)
            for other in rights
        )
    }


def _covers(pattern: str, resource: str) -> bool:
    parts = (re.escape(part) for part in pattern.split(ANY))
    return re.fullmatch(".*".join(parts), resource) is not None


def _statements(rights: set[_Right]) -> list[dict[str, Any]]:
    by_resource: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for right in rights:
        by_resource[right.service, right.passed_to, right.resource].add(right.action)
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (service, passed_to, resource), allowed in sorted(by_resource.items()):
        together[service, passed_to, tuple(sorted(allowed))].append(resource)
    of_service: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (service, passed_to, actions), found in sorted(together.items()):
        of_service[service].append(_statement(passed_to, actions, found))
    return [
        {"Sid": _sid(service, number if len(statements) > 1 else None), **statement}
        for service, statements in sorted(of_service.items())
        for number, statement in enumerate(statements, 1)
    ]


def _statement(passed_to: str, actions: tuple[str, ...], found: list[str]) -> dict[str, Any]:
    condition = {"Condition": {"StringEquals": {"iam:PassedToService": passed_to}}} if passed_to else {}
    return {
        "Effect": "Allow",
        "Action": actions[0] if len(actions) == 1 else list(actions),
        "Resource": found[0] if len(found) == 1 else found,
        **condition,
    }


def _sid(service: str, number: int | None) -> str:
    """As ``deploy`` wants those that a team adds: they begin with ``My``."""
    name = "".join(part.capitalize() for part in service.split("-"))
    return f"My{name}" if number is None else f"My{name}No{number}"
