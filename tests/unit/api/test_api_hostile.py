"""Nothing that a client sends makes the server fail."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scripted.in_process_api import InProcessApi

DATE = "2024-05-06T07:08:09"
LONG = "x" * 3000
SURROGATE = "%ED%A0%80"
ODD_NAMES = [LONG, "%00", SURROGATE, "%FF", "%25", "..", "%F0%9F%92%A9" * 600, "%", "%zz", "\N{SNOWMAN}"]
PATHS = [
    "/dags/{}/dag_runs",
    "/dags/{}/dag_runs/" + DATE,
    "/dags/etl/dag_runs/{}",
    "/dags/{}/dag_runs/" + DATE + "/tasks/extract",
    "/dags/etl/dag_runs/" + DATE + "/tasks/{}",
    "/dags/{}/tasks/extract",
    "/dags/etl/tasks/{}",
    "/dags/{}/paused",
    "/dags/{}/paused/true",
    "/dags/etl/dag_runs?state={}",
    "/pools/{}",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_not_found_or_refused(api: InProcessApi, path: str, name: str) -> None:
    answer = api.get(path.format(name))
    assert answer.status in (400, 404)
    assert answer.body["error"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_dags_cannot_be_triggered(api: InProcessApi, name: str) -> None:
    assert api.post(f"/dags/{name}/dag_runs", {}).status == 404


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _body(*fields: str) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, _JSON)) | _JSON


@given(body=_body("run_id", "conf", "execution_date", "replace_microseconds"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_triggers_a_run_or_is_refused(api: InProcessApi, body: Any) -> None:
    answer = api.post("/dags/etl/dag_runs", body)
    assert answer.status in (200, 400)
    assert answer.status == 200 or answer.body["error"]


@given(body=_body("name", "slots", "description", "include_deferred"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_makes_a_pool_or_is_refused(api: InProcessApi, body: Any) -> None:
    assert api.post("/pools", body).status in (200, 400)


@given(body=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused(api: InProcessApi, body: bytes) -> None:
    assert api.post("/pools", body).status == 400
