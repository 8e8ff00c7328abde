"""Pages of the list of runs: the parameters of the query, the cursor, the link to the next page."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from chalicelib import bootstrap
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import InvalidRequest, excerpt
from chalicelib.domain.states import DagRunState

if TYPE_CHECKING:
    from chalicelib.engine.reading.dag_run_pages import PageWanted, Position

MOST_PER_PAGE = 1000

_PARAMETERS = ("state", "execution_date_gte", "execution_date_lte", "limit")
_OLDER, _NEWER = "<", ">"
_BARE_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
_LONGEST_CURSOR = 100


def page_wanted(request: Request) -> "PageWanted":
    """The page that a query asks for; raises ``InvalidRequest``. An empty ``state`` means any."""
    from chalicelib.engine.reading.dag_run_pages import PageWanted

    query = request.query
    return PageWanted(
        state=_state(query.get("state", "")),
        since=_date(query.get("execution_date_gte")),
        until=_date(query.get("execution_date_lte")),
        limit=_limit(query.get("limit")),
        position=_position(query.get("cursor")),
    )


def next_page(request: Request, position: "Position | None") -> str | None:
    """The path of the page that begins at a position, behind the path of ``[webserver] base_url``."""
    if position is None:
        return None
    prefix = urlsplit(bootstrap.settings().base_url).path.rstrip("/")
    path = f"{prefix}{EXPERIMENTAL.root}/dags/{quote(request.path['dag_id'], safe='')}/dag_runs"
    asked = {name: request.query[name] for name in _PARAMETERS if request.query.get(name)}
    return f"{path}?{urlencode({**asked, 'cursor': _cursor(position)})}"


def _state(text: str) -> DagRunState | None:
    if not text:
        return None
    try:
        return DagRunState(text.lower())
    except ValueError:
        known = ", ".join(DagRunState)
        raise InvalidRequest(f"{excerpt(text)!r} is not a state of DAG runs; there are {known}") from None


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    from chalicelib.engine.runs.execution_dates import execution_date

    # A plus that was not percent-encoded means a blank in a query.
    return execution_date(_BARE_PLUS.sub(r"\1+\2", text)).astimezone(UTC)


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_PER_PAGE:
        raise InvalidRequest(f"limit must be a whole number from 1 to {MOST_PER_PAGE}")
    return int(text)


def _cursor(position: "Position") -> str:
    direction = _OLDER if position.older else _NEWER
    instant = position.execution_date.astimezone(UTC).isoformat(timespec="microseconds")
    return urlsafe_b64encode(f"{direction}{instant}".encode()).decode()


def _position(text: str | None) -> "Position | None":
    if text is None:
        return None
    from chalicelib.engine.reading.dag_run_pages import Position

    refusal = InvalidRequest("The cursor is none that this list has given; follow its links")
    if len(text) > _LONGEST_CURSOR:
        raise refusal
    try:
        content = urlsafe_b64decode(text).decode()
        position = Position(
            execution_date=datetime.fromisoformat(content[1:]), older=content.startswith(_OLDER)
        )
        is_ours = bool(position.begins_at) and _cursor(position) == text
    except (ValueError, OverflowError) as error:
        raise refusal from error
    if not is_ours:
        raise refusal
    return position
