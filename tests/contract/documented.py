"""The stage as API Gateway serves it, in this process, beside the OpenAPI document that it serves."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from chalice.app import Chalice
from requests import PreparedRequest
from requests import Request as HttpClientRequest
from requests.structures import CaseInsensitiveDict
from schemathesis import Case, Response

from chalicelib.api.surfaces import mount
from chalicelib.local.gateway import HttpRequest, StageGateway
from chalicelib.settings import Settings
from tests.scripted.asking import Answer

AnyCase = Case[Any]
PREFIX = "/api/experimental"
_BASE_URL = f"http://updraft.invalid{PREFIX}"


class DocumentedStage:
    """Sends requests to the app; knows what the app's own document says of them."""

    def __init__(self, settings: Settings) -> None:
        app = Chalice(app_name="updraft")
        mount(app, settings)
        self._gateway = StageGateway(app)
        self.document = json.loads(self.request("GET", f"{PREFIX}/openapi.json").content)
        self.schema = schemathesis.openapi.from_dict(self.document)

    def call(self, case: AnyCase) -> Response:
        """Send what schemathesis made."""
        return self._sent(HttpClientRequest(**case.as_transport_kwargs(base_url=_BASE_URL)).prepare())

    def request(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """Send a request to a target that is taken as it is, however odd."""
        request = PreparedRequest()
        request.method, request.url, request.body = method, f"http://updraft.invalid{target}", body
        request.headers = CaseInsensitiveDict(headers or {})
        return self._sent(request)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send the request of a recorded case; raises when the answer is not as the document says."""
        response = self.request(method, path, headers, body)
        self.compare(method, path, response)
        is_json = response.headers["content-type"] == ["application/json"] and response.content
        return Answer(
            status=response.status_code,
            headers={name: values[-1] for name, values in response.headers.items()},
            body=json.loads(response.content) if is_json else response.content.decode(),
        )

    def compare(self, method: str, target: str, response: Response) -> None:
        """Raise when the answer to a documented operation is not as the document says."""
        path = urlsplit(target).path.removeprefix(PREFIX)
        operation = self.schema.find_operation_by_path(method, path)
        if operation is None:
            return
        assert str(response.status_code) in operation.definition.raw["responses"]
        operation.validate_response(response)

    def _sent(self, request: PreparedRequest) -> Response:
        method, url, body = request.method, request.url, request.body or b""
        assert method is not None
        assert url is not None
        assert isinstance(body, str | bytes)
        answer = self._gateway.answer(
            HttpRequest(
                method=method,
                target=url.removeprefix("http://updraft.invalid"),
                headers=tuple((name, str(value)) for name, value in request.headers.items()),
                body=body.encode() if isinstance(body, str) else body,
            )
        )
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name.lower(), []).append(value)
        return Response(
            status_code=answer.status,
            headers=headers,
            content=answer.body,
            request=request,
            elapsed=0.0,
            verify=False,
        )
