"""A stage that refuses everybody."""

import pytest

from tests.contract.runner import Case, RealPace, replay
from tests.contract.served import served_cases
from tests.e2e.stage.project import API, Project
from tests.scripted.asking import at_once

pytestmark = pytest.mark.e2e

OF_A_CLOSED_STAGE = [
    pytest.param(case, id=label)
    for label, case in served_cases(with_scheduler=True)
    if case.get("auth") == "deny_all"
]


@pytest.mark.parametrize("case", OF_A_CLOSED_STAGE)
def test_a_closed_stage_answers_the_case_as_recorded(closed_stage: Project, case: Case) -> None:
    assert replay(case, closed_stage.gateway.send, RealPace(), at_once) == []


@pytest.mark.parametrize("authorization", [None, "Basic YWRhOmxvdmVsYWNl"])
def test_with_deny_all_every_route_is_forbidden(closed_stage: Project, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    routes = [
        (method, path)
        for path, methods in closed_stage.routes().items()
        for method, guard in methods.items()
        if guard == "CUSTOM"
    ]
    assert ("GET", f"{API}/test") in routes

    answers = {(method, path): closed_stage.gateway.call(method, path, **headers) for method, path in routes}

    # The answer to HEAD has no body.
    assert {route: (answer.status, answer.body) for route, answer in answers.items()} == {
        (method, path): (403, "" if method == "HEAD" else {"error": "Forbidden"}) for method, path in routes
    }
