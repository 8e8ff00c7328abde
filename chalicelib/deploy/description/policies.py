"""The policies of a stage's functions: the files in ``.chalice``, filled in for one stage. Pure.

A file names what it allows with placeholders, which stand for

- ``{stage}``, ``{bucket}``: the stage and its bucket;
- ``{partition}``, ``{region}``, ``{account}``: where the stage is;
- ``{keytab_secret}``, ``{keytab_parameter}``: the ARNs of the keytab that the stage names;
- ``{backend_secrets}``, ``{backend_parameters}``: those of what is below the prefixes of its secrets backend.

The last four stand alone; a statement about what the stage does not have is left out.

So a policy names each table, queue and bucket exactly: ``updraft-dev-*`` would allow those of a stage
``dev-2``, too. IAM's own variables, ``${aws:...}``, stay as they are.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chalicelib.deploy.description.place import Place
from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import PARAMETER_STORE, SECRETS_MANAGER, SettingError, Settings

Policy = dict[str, Any]
"""A policy, or a part of one, as IAM writes it."""

_PLACEHOLDER = re.compile(r"(?<!\$)\{([^{}]*)\}")

_SECRET, _PARAMETER = (re.compile(rf"(arn:[^:]+:)?{service}:(.+)") for service in ("secretsmanager", "ssm"))
"""How ``store.keytabs`` tells where a keytab is; anything else is a path."""

_NAME = re.compile(r"[A-Za-z0-9/_+=.@:-]+")
"""What names and ARNs of secrets and parameters are made of (AWS): nothing that IAM takes for a wildcard."""


class PolicyFileError(UpdraftError):
    """A policy file cannot be filled in; the text says what to change."""

    code: ClassVar[str] = "invalid_policy_file"


def filled_in(policy: Mapping[str, Any], settings: Settings, place: Place) -> Policy:
    """The policy of a file for a stage at that place.

    Raises ``PolicyFileError`` for a placeholder that is not known, and ``SettingError`` for the name of a
    keytab, or a prefix of a secrets backend, that AWS would not take.
    """
    values: dict[str, str | list[str]] = {
        "stage": settings.stage,
        "bucket": settings.bucket,
        "partition": place.partition,
        "region": place.region,
        "account": place.account,
        **_keytab(settings.keytab, place),
        **_secrets_backend(settings, place),
    }
    statements = [_filled(each, values) for each in policy["Statement"]]
    return {**policy, "Statement": [each for each in statements if each.get("Resource") != []]}


def _filled(value: Any, values: Mapping[str, str | list[str]]) -> Any:
    match value:
        case dict():
            return {name: _filled(each, values) for name, each in value.items()}
        case list():
            return [_filled(each, values) for each in value]
        case str():
            whole = _PLACEHOLDER.fullmatch(value)
            if whole and isinstance(values.get(whole[1]), list):
                return values[whole[1]]
            return _PLACEHOLDER.sub(lambda found: _text(found[1], values), value)
    return value


def _text(name: str, values: Mapping[str, str | list[str]]) -> str:
    value = values.get(name)
    if isinstance(value, str):
        return value
    known = ", ".join(f"{{{each}}}" for each in values)
    problem = "is not known" if value is None else "has to stand alone"
    raise PolicyFileError(f"The placeholder {{{name}}} of a policy {problem}; there are {known}")


def _keytab(setting: str, place: Place) -> dict[str, str | list[str]]:
    secret, parameter = _SECRET.fullmatch(setting), _PARAMETER.fullmatch(setting)
    if (secret or parameter) and not _NAME.fullmatch(setting):
        raise SettingError(f"AIRFLOW__KERBEROS__KEYTAB is {setting!r}; AWS gives no such names")
    return {
        "keytab_secret": _secret(secret, place) if secret else [],
        "keytab_parameter": _parameter(parameter, place) if parameter else [],
    }


def _secret(named: re.Match[str], place: Place) -> list[str]:
    """AWS ends a secret's ARN with a hyphen and six characters; one that a team gives may lack them."""
    if named[1]:
        return [named[0], f"{named[0]}-??????"]
    return [place.arn("secretsmanager", f"secret:{named[2]}-??????")]


def _parameter(named: re.Match[str], place: Place) -> list[str]:
    """Without the version or label that may follow a name."""
    if named[1]:
        return [named[0]]
    return [place.arn("ssm", f"parameter/{named[2].partition(':')[0].removeprefix('/')}")]


def _secrets_backend(settings: Settings, place: Place) -> dict[str, str | list[str]]:
    """A prefix that is empty would be all secrets of the account: a team allows those itself."""
    secrets: list[str] = []
    parameters: list[str] = []
    for prefix in _prefixes(settings):
        if settings.secrets_backend == SECRETS_MANAGER:
            secrets.append(place.arn("secretsmanager", f"secret:{prefix}*"))
        else:
            parameters.append(place.arn("ssm", f"parameter/{prefix.removeprefix('/')}*"))
    return {"backend_secrets": secrets, "backend_parameters": parameters}


def _prefixes(settings: Settings) -> Iterator[str]:
    """How the names begin that are looked up, each with its separator."""
    defaults = {SECRETS_MANAGER: "airflow/", PARAMETER_STORE: "/airflow/"}
    if settings.secrets_backend not in defaults:
        return
    kwargs = json.loads(settings.secrets_backend_kwargs)
    separator = kwargs.get("sep") or "/"
    for kind in ("connections", "variables", "config"):
        named = kwargs.get(f"{kind}_prefix", f"{defaults[settings.secrets_backend]}{kind}")
        if not named or not named.strip(separator):
            continue
        prefix = f"{named.rstrip(separator)}{separator}"
        if not _NAME.fullmatch(prefix):
            raise SettingError(
                f"AIRFLOW__SECRETS__BACKEND_KWARGS has the {kind}_prefix {named!r}; AWS gives no such names"
            )
        yield prefix
