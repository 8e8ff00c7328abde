"""A proxy that lets `chalice deploy` deploy to ministack, and HTTP clients call what it deployed.

Everything is passed through to the emulator, except for the four things where it differs from AWS:

- Chalice sends its REST API as one Swagger document (ImportRestApi, PutRestApi), which ministack
  1.5.33 does not take. `RestApiFromSwagger` makes the same API by plain API Gateway calls.
- A new or changed function is Pending for half a second, or longer on a busy machine. Chalice waits for
  it with botocore's waiters, which look at once and then every 5 seconds. The answer is held back until
  the function is Active, which makes a deployment several times faster.
- An update lets the invocations of a function end; `draining` knows how.
- API Gateway hands encoded path parameters to the function as they came; ministack decodes them, so
  that a %2F would become a separator. They are encoded once more on their way in.
"""

import http.client
import json
import logging
import re
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
from botocore.config import Config

from tests.e2e.stage.draining import drained

log = logging.getLogger(__name__)

LONGEST_PENDING_SECONDS = 30
"""How long an answer is held back at most."""

CHANGES_A_FUNCTION = re.compile(r"/2015-03-31/functions(/(?P<updated>[^/]+)/(code|configuration))?")
REST_API = re.compile(r"/restapis(?:/(?P<id>[^/]+))?")
REGION_OF_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/")

HOP_BY_HOP = frozenset({"connection", "content-length", "expect", "keep-alive", "transfer-encoding"})

Headers = Iterable[tuple[str, str]]


@contextmanager
def chalice_deploy_adapter(emulator_port: int) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1 before the emulator on `emulator_port`; gives the port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.emulator_port = emulator_port
        thread = threading.Thread(target=server.serve_forever, name="chalice-deploy-adapter", daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    emulator_port: int

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._clients: dict[tuple[str, str], Any] = {}
        self._making_a_client = threading.Lock()

    def client(self, service: str, region: str) -> Any:
        """The client of a service, straight to the emulator; to make one takes a fifth of a second."""
        with self._making_a_client:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new_client(service, region)
            return self._clients[service, region]

    def server_close(self) -> None:
        super().server_close()
        for client in self._clients.values():
            client.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was killed is no news
            super().handle_error(request, client_address)

    def _new_client(self, service: str, region: str) -> Any:
        return botocore.session.get_session().create_client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.emulator_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def handle_request(self) -> None:
        body = self._body()
        url = urllib.parse.urlsplit(self.path)
        if self._is_swagger_import(url):
            self._import_swagger(url, body)
            return
        change = CHANGES_A_FUNCTION.fullmatch(url.path) if self.command in ("POST", "PUT") else None
        with self._nothing_interrupted_by(change):
            status, headers, answer = self._pass_on(body)
            if change and status < HTTPStatus.BAD_REQUEST:
                self._wait_until_active(json.loads(answer)["FunctionName"])
        self._reply(status, headers, answer)

    # The names are those that http.server looks for.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base
        log.debug(format, *args)

    def _is_swagger_import(self, url: urllib.parse.SplitResult) -> bool:
        match = REST_API.fullmatch(url.path)
        if not match:
            return False
        creates = self.command == "POST" and "mode=import" in url.query
        replaces = self.command == "PUT" and match["id"] is not None
        return creates or replaces

    def _import_swagger(self, url: urllib.parse.SplitResult, body: bytes) -> None:
        match = REST_API.fullmatch(url.path)
        assert match is not None
        rest_api_id = match["id"]
        try:
            api = RestApiFromSwagger(self._client("apigateway"), json.loads(body))
            answer = api.replace(rest_api_id) if rest_api_id else api.create(_endpoint_type(url.query))
        except Exception as error:
            log.exception("The Swagger document could not be imported")
            refusal = json.dumps({"message": repr(error)}).encode()
            self._reply(HTTPStatus.BAD_REQUEST, [("x-amzn-ErrorType", "BadRequestException")], refusal)
            return
        status = HTTPStatus.OK if rest_api_id else HTTPStatus.CREATED
        self._reply(status, [("Content-Type", "application/json")], json.dumps(answer).encode())

    def _nothing_interrupted_by(self, change: re.Match[str] | None) -> AbstractContextManager[None]:
        if not change or not change["updated"]:
            return nullcontext()
        return drained(urllib.parse.unquote(change["updated"]), self._client("lambda"), self._client("sqs"))

    def _wait_until_active(self, function: str) -> None:
        deadline = time.monotonic() + LONGEST_PENDING_SECONDS
        while time.monotonic() < deadline:
            found = self._client("lambda").get_function_configuration(FunctionName=function)
            if (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful"):
                return
            time.sleep(0.1)

    def _client(self, service: str) -> Any:
        credential = REGION_OF_CREDENTIAL.search(self.headers["Authorization"])
        assert credential is not None
        return self.server.client(service, credential["region"])

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _pass_on(self, body: bytes) -> tuple[int, Headers, bytes]:
        """Send the request to the emulator as it came: its host and signature stay valid."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.emulator_port, timeout=60)
        try:
            connection.putrequest(self.command, self._target(), skip_host=True, skip_accept_encoding=True)
            for name, value in _end_to_end(self.headers.items()):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _target(self) -> str:
        if ".execute-api." not in self.headers.get("Host", ""):
            return self.path
        path, question_mark, query = self.path.partition("?")
        return path.replace("%", "%25") + question_mark + query

    def _reply(self, status: int, headers: Headers, body: bytes) -> None:
        self.send_response_only(status)
        for name, value in _end_to_end(headers):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _end_to_end(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def _endpoint_type(query: str) -> str:
    """Of a new API; it is a parameter of ImportRestApi, for Swagger does not know it."""
    return urllib.parse.parse_qs(query)["endpointConfigurationTypes"][0]


class RestApiFromSwagger:
    """The REST API of a Swagger 2.0 document of Chalice's, by plain calls.

    Knows what Updraft's app makes use of: Lambda proxy integrations and TOKEN authorizers. Anything
    else is an error rather than an API that is not what was asked for.
    """

    def __init__(self, apigateway: Any, document: dict[str, Any]) -> None:
        self._apigateway = apigateway
        self._document = document

    def create(self, endpoint_type: str) -> dict[str, str]:
        """As ImportRestApi: a new API; its id and name."""
        created = self._apigateway.create_rest_api(
            name=self._document["info"]["title"],
            binaryMediaTypes=self._document["x-amazon-apigateway-binary-media-types"],
            endpointConfiguration={"types": [endpoint_type]},
        )
        return self._fill(created["id"])

    def replace(self, rest_api_id: str) -> dict[str, str]:
        """As PutRestApi in its mode `overwrite`: the same API, nothing left of what it was."""
        self._empty(rest_api_id)
        return self._fill(rest_api_id)

    def _empty(self, rest_api_id: str) -> None:
        resources = self._apigateway.get_resources(restApiId=rest_api_id, limit=500)["items"]
        for resource in sorted(resources, key=lambda each: -each["path"].count("/")):
            if resource["path"] != "/":
                self._apigateway.delete_resource(restApiId=rest_api_id, resourceId=resource["id"])
        for authorizer in self._apigateway.get_authorizers(restApiId=rest_api_id)["items"]:
            self._apigateway.delete_authorizer(restApiId=rest_api_id, authorizerId=authorizer["id"])
        for response in self._apigateway.get_gateway_responses(restApiId=rest_api_id)["items"]:
            if not response["defaultResponse"]:
                self._apigateway.delete_gateway_response(
                    restApiId=rest_api_id, responseType=response["responseType"]
                )

    def _fill(self, rest_api_id: str) -> dict[str, str]:
        authorizers = self._create_authorizers(rest_api_id)
        resources = self._create_resources(rest_api_id)
        for path, operations in self._document["paths"].items():
            for method, operation in operations.items():
                at = {
                    "restApiId": rest_api_id,
                    "resourceId": resources[path],
                    "httpMethod": method.upper(),
                }
                self._put_method(at, operation, authorizers)
                self._put_integration(at, operation["x-amazon-apigateway-integration"])
        return {"id": rest_api_id, "name": self._document["info"]["title"]}

    def _create_authorizers(self, rest_api_id: str) -> dict[str, str]:
        """The ids of the authorizers by the names that operations call them."""
        return {
            name: self._create_authorizer(rest_api_id, name, definition)
            for name, definition in self._document.get("securityDefinitions", {}).items()
        }

    def _create_authorizer(self, rest_api_id: str, name: str, definition: dict[str, Any]) -> str:
        authorizer = definition["x-amazon-apigateway-authorizer"]
        if authorizer["type"] != "token":
            raise NotImplementedError(f"authorizer type {authorizer['type']}")
        created = self._apigateway.create_authorizer(
            restApiId=rest_api_id,
            name=name,
            type="TOKEN",
            identitySource=f"method.request.header.{definition['name']}",
            authorizerUri=authorizer["authorizerUri"],
            authorizerResultTtlInSeconds=authorizer.get("authorizerResultTtlInSeconds", 300),
        )
        authorizer_id: str = created["id"]
        return authorizer_id

    def _create_resources(self, rest_api_id: str) -> dict[str, str]:
        """One resource for each part of each path; their ids by path."""
        root = self._apigateway.get_resources(restApiId=rest_api_id)["items"][0]["id"]
        ids = {"/": root, "": root}
        for path in self._document["paths"]:
            parent = ""
            for part in path.strip("/").split("/"):
                here = f"{parent}/{part}"
                if here not in ids:
                    ids[here] = self._apigateway.create_resource(
                        restApiId=rest_api_id, parentId=ids[parent], pathPart=part
                    )["id"]
                parent = here
        return ids

    def _put_method(self, at: dict[str, str], operation: dict[str, Any], authorizers: dict[str, str]) -> None:
        names = [name for requirement in operation.get("security", []) for name in requirement]
        parameters = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
        authorization = (
            {"authorizationType": "CUSTOM", "authorizerId": authorizers[names[0]]}
            if names
            else {"authorizationType": "NONE"}
        )
        self._apigateway.put_method(
            **at,
            **authorization,
            requestParameters={f"method.request.path.{name}": True for name in parameters},
        )

    def _put_integration(self, at: dict[str, str], integration: dict[str, Any]) -> None:
        if integration["type"] != "aws_proxy":
            raise NotImplementedError(f"integration type {integration['type']}")
        self._apigateway.put_integration(
            **at,
            type="AWS_PROXY",
            integrationHttpMethod=integration["httpMethod"],
            uri=integration["uri"],
            contentHandling=integration["contentHandling"],
            passthroughBehavior=integration["passthroughBehavior"].upper(),
        )
