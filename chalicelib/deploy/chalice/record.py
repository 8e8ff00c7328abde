"""Chalice's own record of what it deployed: ``.chalice/deployed/<stage>.json``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

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
    """What of a deployed stage is needed to finish it.

    ``url`` is the address of the REST API, with its stage and a slash at the end. ``functions`` maps the
    handler's name in ``app.py`` (``api_handler`` for the REST API) to the function's ARN,
    ``queue_mappings`` the ARN of a function that a queue feeds to the UUID of its event source mapping.
    """

    rest_api_id: str
    url: str
    functions: dict[str, str]
    queue_mappings: dict[str, str]

    def queue_mapping(self, handler: str) -> str:
        """The UUID of the event source mapping from the handler's queue."""
        return self.queue_mappings[self.functions[handler]]


def read_deployed(project: Path, stage: str) -> Deployed:
    """Read the record of the project's Chalice stage; raises ``NotDeployed``."""
    try:
        record = json.loads((project / ".chalice" / "deployed" / f"{stage}.json").read_text())
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
