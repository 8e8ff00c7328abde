"""Where a deployed stage answers otherwise than Airflow or the local server, and cannot do better.

No step of a recorded case is among them: all are answered as recorded. On AWS, API Gateway stands before
Lambda and refuses some requests before any code of ours is asked. Before an edge-optimized endpoint there is
CloudFront, too; the shipped stages are regional.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class By(StrEnum):
    """Who it is that leaves no choice."""

    AWS = "AWS"
    EMULATOR = "ministack 1.5.33"
    ADAPTER = "chalice_deploy_adapter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Forced:
    """A request and the answer to it; without `asked`, what the emulator does not do and AWS does."""

    what: str
    answer: str
    by: By
    reason: str
    asked: tuple[str, str] | None = None
    status: int = 0
    body: Any = None


FORCED = (
    Forced(
        what="a path outside of /api",
        answer="403, and not in our form; Airflow has its web pages there",
        by=By.AWS,
        reason="gateway responses belong to a stage, and the first part of the path is its name",
        asked=("GET", "/other/experimental/test"),
        status=403,
        body={"message": "Forbidden"},
    ),
    Forced(
        what="an unknown path with an Authorization header",
        answer="404, as in Airflow; 403 if AWS has no name for this kind of refusal. Not tried on an account",
        by=By.AWS,
        reason="the header is taken for a bad signature of AWS's own; of which kind is written nowhere",
    ),
    Forced(
        what="a method beyond the seven that REST APIs have, such as TRACE",
        answer="404; Airflow says 405",
        by=By.AWS,
        reason="a method that a path does not declare is an unknown path, and only the seven can be declared",
    ),
    Forced(
        what="a GET or HEAD request with a body",
        answer="not tried on a regional endpoint, where nothing is known to refuse it; 403 and a page of "
        "CloudFront's on an edge-optimized one; Airflow overlooks the body",
        by=By.AWS,
        reason="CloudFront refuses it, which stands before edge-optimized endpoints only",
    ),
    Forced(
        what="a request line and headers of more than 10,240 bytes, or a body of more than 6 MB",
        answer="4xx (413 for the body); Airflow takes them",
        by=By.AWS,
        reason="API Gateway's limit for the first, for the other that of an event for Lambda",
    ),
    Forced(
        what="an answer of more than 6 MB",
        answer="400 and what to do about it; Airflow sends it",
        by=By.AWS,
        reason="Lambda's limit; where it is likely, in lists of runs, there are pages",
    ),
    Forced(
        what="an answer that takes more than 29 seconds",
        answer="504 {'error': ...}; what was begun goes on",
        by=By.AWS,
        reason="API Gateway waits no longer for an integration",
    ),
    Forced(
        what="WWW-Authenticate set by a view",
        answer="arrives as x-amzn-Remapped-WWW-Authenticate",
        by=By.AWS,
        reason="API Gateway renames it; a gateway response, of which UNAUTHORIZED is one, may set it",
    ),
    Forced(
        what="empty parts in a path",
        answer="as if they were not there; the local server does not know such a path",
        by=By.EMULATOR,
        reason="it splits the path so",
        asked=("GET", "/api//experimental/test"),
        status=200,
        body={"status": "OK"},
    ),
    Forced(
        what="a body that is too large, a request line or headers that are, a body with GET",
        answer="taken",
        by=By.EMULATOR,
        reason="it does not have these limits of AWS's",
    ),
    Forced(
        what="a method beyond the seven",
        answer="501 and a page",
        by=By.ADAPTER,
        reason="Python's http.server asks for a name for each",
    ),
)
