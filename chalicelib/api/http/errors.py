"""The one place where errors become HTTP statuses."""

import logging
import uuid

from chalicelib.api.http.request_and_reply import Reply, error_reply
from chalicelib.domain.errors import (
    DagNotFound,
    DagRunAlreadyExists,
    DagRunNotFound,
    IdempotencyKeyReused,
    InvalidRequest,
    PoolNotFound,
    StorageFull,
    StoreUnavailable,
    TaskInstancesRunning,
    TaskNotFound,
)

_STATUSES: dict[type, int] = {
    DagNotFound: 404,
    TaskNotFound: 404,
    DagRunNotFound: 404,
    PoolNotFound: 404,
    DagRunAlreadyExists: 400,
    IdempotencyKeyReused: 409,
    InvalidRequest: 400,
    TaskInstancesRunning: 409,
}

_RETRY_AFTER_SECONDS = "1"

logger = logging.getLogger(__name__)


def reply_to(error: Exception, request: str) -> Reply:
    """The answer to what a view raised; ``request`` names it in the log.

    An error that nobody foresaw is logged under a reference, and the client is told that reference and
    nothing else.
    """
    if isinstance(error, StorageFull):  # the local server's embedded AWS says so, once
        return error_reply(
            503,
            "The disk is full: nothing can be changed until there is room",
            headers={"Retry-After": _RETRY_AFTER_SECONDS},
        )
    if isinstance(error, StoreUnavailable):
        logger.warning("%s: %s", request, error)
        return error_reply(
            503, "Not available for the moment; try again", headers={"Retry-After": _RETRY_AFTER_SECONDS}
        )
    status = next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), None)
    if status is not None:
        return error_reply(status, str(error))
    reference = uuid.uuid4().hex[:12]
    logger.error("%s: unexpected error, reference %s", request, reference, exc_info=error)
    return error_reply(500, f"Internal server error; its reference in the log is {reference}")
