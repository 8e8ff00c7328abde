"""The replies to errors of views: the one place where errors become HTTP statuses."""

import logging
import uuid

from chalicelib.api.http.request_and_reply import Reply
from chalicelib.api.http.surface import Surface
from chalicelib.domain.errors import StorageFull, StoreUnavailable

_RETRY_AFTER = {"Retry-After": "1"}
"""Seconds."""

logger = logging.getLogger(__name__)


def reply_to(error: Exception, request: str, surface: Surface) -> Reply:
    """The answer to an error of a view; ``request`` names the request in the log.

    An error that the surface has no status for is logged under a reference, and the client is told that
    reference and nothing else.
    """
    if isinstance(error, StorageFull):  # the local server's embedded AWS says so, once
        text = "The disk is full: nothing can be changed until there is room"
        return surface.error_reply(503, text, headers=_RETRY_AFTER)
    if isinstance(error, StoreUnavailable):
        logger.warning("%s: %s", request, error)
        return surface.error_reply(503, "Not available for the moment; try again", headers=_RETRY_AFTER)
    known = surface.statuses
    status = next((known[kind] for kind in type(error).__mro__ if kind in known), None)
    if status is not None:
        return surface.error_reply(status, str(error))
    reference = uuid.uuid4().hex[:12]
    logger.error("%s: unexpected error, reference %s", request, reference, exc_info=error)
    return surface.error_reply(500, f"Internal server error; its reference in the log is {reference}")
