"""Who calls a stage that asks who is there."""

import base64

from tests.e2e.stage.project import API, Project
from tests.integration.server.api import HttpApi
from tests.scripted.asking import Answer


def ask(
    project: Project, authorization: str | None, path: str = "/test", method: str = "GET", body: bytes = b""
) -> Answer:
    headers = {"Host": host(project)}
    if authorization is not None:
        headers["Authorization"] = authorization
    api = HttpApi(port=project.adapter_port)
    try:
        return api.send(method, f"{API}{path}", headers, body)
    except TimeoutError:  # two functions' first calls import them, on a machine that may be busy
        return api.send(method, f"{API}{path}", headers, body)


def host(project: Project) -> str:
    return f"{name(project)}:{project.adapter_port}"


def name(project: Project) -> str:
    """The API's host, without the port."""
    return f"{project.deployed.rest_api_id}.execute-api.localhost"


def basic(username: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


ADA, BOB = basic("ada", "löve:lace"), basic("bob", "builder")
"""Users of the stage `with_passwords`."""
