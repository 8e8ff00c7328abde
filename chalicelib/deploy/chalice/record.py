"""Chalice's record of what it deployed, ``.chalice/deployed/<stage>.json``: read, and corrected from AWS.

Chalice 1.34 writes the record at the very end of a deployment and believes it at the next: after a deployment
that was killed, or from another checkout, Chalice would make a second REST API and be refused the event
source mappings, which exist; and a deletion that was killed fails on what is gone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from chalicelib import aws
from chalicelib.deploy.chalice.entries import NAMES, Entry, standing_entries
from chalicelib.domain.errors import UpdraftError


class NotDeployed(UpdraftError):
    """``chalice deploy`` has not been run for the stage, or did not get to its end."""

    code: ClassVar[str] = "not_deployed"

    def __init__(self, stage: str) -> None:
        super().__init__(
            f"Stage {stage} is not deployed: run python -m chalicelib deploy --stage {stage} first"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """The parts of a deployed stage that are needed to finish it."""

    rest_api_id: str
    url: str
    """The address of the REST API, with its stage and a slash at the end."""
    functions: dict[str, str]
    """The ARNs of the functions, by handler."""
    queue_mappings: dict[str, str]
    """The UUIDs of the event source mappings, by the ARN of the function that a queue feeds."""

    def queue_mapping(self, handler: str) -> str:
        """The UUID of the event source mapping from the handler's queue."""
        return self.queue_mappings[self.functions[handler]]


def read_deployed(project: Path, stage: str) -> Deployed:
    """Read the record of the project's Chalice stage; raises ``NotDeployed``."""
    try:
        record = json.loads(_path(project, stage).read_text())
    except FileNotFoundError as error:
        raise NotDeployed(stage) from error
    resources: list[dict[str, Any]] = record["resources"]
    apis = _of_type(resources, "rest_api")
    if not apis:  # `chalice delete` leaves an empty record
        raise NotDeployed(stage)
    return Deployed(
        rest_api_id=apis[0]["rest_api_id"],
        url=apis[0]["rest_api_url"],
        functions={each["name"]: each["lambda_arn"] for each in _of_type(resources, "lambda_function")},
        queue_mappings={each["lambda_arn"]: each["event_uuid"] for each in _of_type(resources, "sqs_event")},
    )


def _of_type(resources: list[dict[str, Any]], resource_type: str) -> list[dict[str, Any]]:
    return [each for each in resources if each["resource_type"] == resource_type]


def restore_record(project: Path, stage: str, *, client: aws.ClientFactory = aws.client) -> None:
    """Make the record say what stands, as ``true_record`` has it. Some 20 requests."""
    entries = true_record(project, stage, client=client)
    if entries == _recorded(project, stage):
        return
    path = _path(project, stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"resources": entries, "schema_version": "2.0", "backend": "api"}
    path.write_text(json.dumps(record, indent=2) + "\n")


def planned_restoring(project: Path, stage: str, *, client: aws.ClientFactory = aws.client) -> Iterator[str]:
    """What ``restore_record`` would do, in a line; nothing where the record is true. Some 20 requests."""
    entries = true_record(project, stage, client=client)
    if entries != _recorded(project, stage):
        yield f"restore Chalice's record of the {len(entries)} parts that stand"


def true_record(project: Path, stage: str, *, client: aws.ClientFactory = aws.client) -> list[Entry]:
    """The entries that the record should have. Some 20 requests.

    Entries of other kinds (a domain name, say) stay. Where several REST APIs call the stage's function the
    recorded one counts, else the oldest.
    """
    recorded = _recorded(project, stage)
    apis = [entry["rest_api_id"] for entry in recorded if entry["resource_type"] == "rest_api"]
    found = standing_entries(stage, recorded_api=apis[0] if apis else None, client=client)
    return [*found, *(entry for entry in recorded if entry["name"] not in NAMES)]


def _recorded(project: Path, stage: str) -> list[Entry]:
    """The entries of the record; none where there is no record."""
    path = _path(project, stage)
    entries: list[Entry] = json.loads(path.read_text())["resources"] if path.exists() else []
    return entries


def _path(project: Path, stage: str) -> Path:
    return project / ".chalice" / "deployed" / f"{stage}.json"
