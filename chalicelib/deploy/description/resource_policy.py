"""The app's own statements in the policies of buckets and queues, beside a team's. Pure.

Each statement of ours is known by its ``Sid``; no other is ever changed.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

Statement = dict[str, Any]
"""A statement of a policy, as AWS writes it."""

TLS_ONLY = "UpdraftTlsOnly"
"""The statement that refuses whatever comes without TLS."""


def tls_only(service: str, resources: list[str]) -> Statement:
    """Refuse everybody, AWS's services too, all requests that are not encrypted on their way."""
    return {
        "Sid": TLS_ONLY,
        "Effect": "Deny",
        "Principal": "*",
        "Action": f"{service}:*",
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def bucket_statement(partition: str, bucket: str) -> Statement:
    """``tls_only`` of a bucket and its objects."""
    arn = f"arn:{partition}:s3:::{bucket}"
    return tls_only("s3", [arn, f"{arn}/*"])


def merged(standing: Mapping[str, Any], ours: Iterable[Statement], sids: Collection[str]) -> dict[str, Any]:
    """The standing policy with ours in place of its statements of these ``sids``; the others stay."""
    others = [each for each in _statements(standing) if each.get("Sid") not in sids]
    return {"Version": "2012-10-17", **standing, "Statement": [*others, *ours]}


def says(policy: Mapping[str, Any], statement: Statement) -> bool:
    """Whether a policy has the statement; AWS may write one value for a list of one, and in another order."""
    wanted = _comparable(statement)
    return any(_comparable(each) == wanted for each in _statements(policy))


def _statements(policy: Mapping[str, Any]) -> list[Statement]:
    found = policy.get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def _comparable(value: Any) -> Any:
    match value:
        case dict():
            everybody = {"Principal": {"AWS": "*"}} if value.get("Principal") == "*" else {}
            return {name: _comparable(each) for name, each in (value | everybody).items()}
        case list():
            return sorted(str(each) for each in value)
    return [str(value)]
