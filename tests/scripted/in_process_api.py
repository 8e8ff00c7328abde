"""The app called in this process, as API Gateway would call it: routes, authorizer, gateway responses."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import ForbiddenError, LocalGateway, NotAuthorizedError

from chalicelib.api.authorizer import Unauthorized
from chalicelib.api.http.surface import Surface
from chalicelib.api.surfaces import SURFACES, mount
from chalicelib.auth.backends import without_credentials
from chalicelib.settings import Settings
from tests.scripted.asking import Answer

STAGE = "/api"


class InProcessApi:
    """Sends requests to an app; what API Gateway answers by itself is answered as deployed."""

    def __init__(self, settings: Settings, surfaces: tuple[Surface, ...] = SURFACES) -> None:
        self.app = Chalice(app_name="updraft")
        mount(self.app, settings, surfaces)
        self._gateway = LocalGateway(self.app, Config())
        self._without_credentials = without_credentials(settings.auth_backend)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to ``/api/experimental/...``."""
        try:
            response = self._gateway.handle_request(
                method=method, path=path.removeprefix(STAGE), headers=_lower(headers), body=body
            )
        except (NotAuthorizedError, Unauthorized):  # the first: without a header nobody asks the authorizer
            return self._unauthorized()
        except ForbiddenError as error:
            is_unknown_path = b"access this resource" not in (error.body or b"")
            return _error(404, "Not found") if is_unknown_path else _error(403, "Forbidden")
        text: str = response["body"]
        answered = _lower(response["headers"])
        is_json = answered["content-type"] == "application/json" and text
        return Answer(
            status=response["statusCode"], headers=answered, body=json.loads(text) if is_json else text
        )

    def _unauthorized(self) -> Answer:
        refusal = self._without_credentials
        answer = _error(refusal.status, "Unauthorized" if refusal.status == 401 else "Forbidden")
        return replace(answer, headers={**answer.headers, "www-authenticate": refusal.challenge or ""})

    def get(self, path: str) -> Answer:
        """GET a path below ``/experimental``."""
        return self.send("GET", f"/experimental{path}", {}, b"")

    def post(self, path: str, body: Any) -> Answer:
        """POST a body (bytes as they are, anything else as JSON) to a path below ``/experimental``."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", f"/experimental{path}", {}, raw)

    def delete(self, path: str) -> Answer:
        """DELETE a path below ``/experimental``."""
        return self.send("DELETE", f"/experimental{path}", {}, b"")


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _error(status: int, text: str) -> Answer:
    return Answer(status=status, headers={"content-type": "application/json"}, body={"error": text})
