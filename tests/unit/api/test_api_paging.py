"""Pages of the list of runs."""

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.api.experimental import dag_runs
from chalicelib.domain.payload import Payload
from chalicelib.domain.runs.dag_runs import DagRun, DagRunType
from chalicelib.domain.states import DagRunState
from chalicelib.engine.engine import Engine
from chalicelib.engine.reading import dag_run_pages
from chalicelib.settings import Settings
from tests.scripted.asking import Answer
from tests.scripted.in_process_api import InProcessApi

RUNS = "/dags/etl/dag_runs"
START = datetime(2024, 1, 1, tzinfo=UTC)
NEXT = re.compile(r', <(/airflow/api/experimental[^>]+)>; rel="next"$')


def create(engine: Engine, count: int, **fields: Any) -> None:
    dag = engine.store.dags.get("etl")
    assert dag is not None
    for number in range(count):
        date = START + timedelta(hours=number)
        usual: dict[str, Any] = {
            "generation": dag.generation,
            "run_id": f"r{number}",
            "run_type": DagRunType.MANUAL,
            "state": DagRunState.SUCCESS if number % 3 else DagRunState.FAILED,
        }
        run = DagRun(
            dag_id="etl",
            execution_date=date,
            run_uid=f"uid{number}",
            version=dag.version,
            id=number,
            external_trigger=True,
            triggered_by="ada",
            conf=Payload(text="{}"),
            data_interval_start=date,
            data_interval_end=date,
            queued_at=date,
            updated_at=date,
            **(usual | fields),
        )
        assert engine.store.dag_runs.create(run, date)


def ids(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body
    return [run["id"] for run in answer.body]


def next_of(answer: Answer) -> str | None:
    found = NEXT.search(answer.headers["link"])
    return found[1].removeprefix("/airflow/api/experimental") if found else None


def pages(api: InProcessApi, path: str) -> list[list[int]]:
    """The pages that links lead to, from this one on."""
    found = []
    following: str | None = path
    while following:
        answer = api.get(following)
        found.append(ids(answer))
        following = next_of(answer)
    return found


def test_a_list_that_fits_has_todays_headers_only(api: InProcessApi, engine: Engine) -> None:
    create(engine, 3)
    plain = api.get(RUNS)
    assert ids(plain) == [0, 1, 2]
    assert plain.headers["link"] == api.get("/test").headers["link"]
    assert ids(api.get(f"{RUNS}?limit=3")) == [0, 1, 2]
    assert api.get(f"{RUNS}?limit=3").headers["link"] == plain.headers["link"]


def test_pages_begin_with_the_oldest_run(api: InProcessApi, engine: Engine) -> None:
    create(engine, 7)
    assert pages(api, f"{RUNS}?limit=3") == [[0, 1, 2], [3, 4, 5], [6]]


def test_the_next_link_is_beside_the_one_on_deprecation(api: InProcessApi, engine: Engine) -> None:
    create(engine, 2)
    answer = api.get(f"{RUNS}?limit=1")
    assert answer.headers["link"].startswith(
        api.get("/test").headers["link"] + ", </airflow/api/experimental/"
    )


def test_a_page_shows_what_the_list_shows(api: InProcessApi, engine: Engine) -> None:
    create(engine, 2)
    assert api.get(f"{RUNS}?limit=2").body == api.get(RUNS).body
    assert "ada" not in json.dumps(api.get(RUNS).body)


def test_runs_can_be_asked_for_by_period_and_state(api: InProcessApi, engine: Engine) -> None:
    create(engine, 10)

    def found(query: str) -> list[int]:
        return ids(api.get(f"{RUNS}?{query}"))

    assert found("execution_date_gte=2024-01-01T08:00:00") == [8, 9]
    assert found("execution_date_lte=2024-01-01T01:00:00Z") == [0, 1]
    assert found("execution_date_gte=2024-01-01T05:00:00%2B02:00&execution_date_lte=2024-01-01T04") == [3, 4]
    assert found("execution_date_gte=2024-01-01T10:00:00+02:00") == [8, 9], "a plus not encoded"
    assert found("execution_date_gte=2024-01-01T05&execution_date_lte=2024-01-01T04") == []
    assert found("state=failed&execution_date_gte=2024-01-01T02") == [3, 6, 9]
    assert found("state=&limit=1") == [0]


def test_filters_go_along_from_page_to_page(api: InProcessApi, engine: Engine) -> None:
    create(engine, 12)
    query = (
        "state=FAILED&execution_date_gte=2024-01-01T02:00:00%2B00:00&execution_date_lte=2024-01-01T10&limit=2"
    )
    assert [page for page in pages(api, f"{RUNS}?{query}") if page] == [[3, 6], [9]]


def test_what_does_not_fit_is_the_oldest(
    api: InProcessApi, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(engine, 10)
    monkeypatch.setattr(
        dag_runs, "_LARGEST_LIST", 4 * len(json.dumps(json.dumps(api.get(RUNS).body[0]))) + 10
    )
    assert pages(api, RUNS) == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1]]
    assert pages(api, f"{RUNS}?limit=1000") == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    older = next_of(api.get(RUNS))
    assert pages(api, f"{older}&limit=3") == [[3, 4, 5], [0, 1, 2]], "a cursor keeps its direction"


def test_a_long_list_stays_below_what_lambda_returns(engine: Engine, settings: Settings) -> None:
    create(engine, 21_000)
    with bootstrap.use(engine=engine, settings=settings):
        api = InProcessApi(settings)
        first = api.get(RUNS)
        rest = pages(api, next_of(first) or "")
    assert 4_995_000 < len(json.dumps(json.dumps(first.body))) <= 5_000_000
    assert ids(first)[-1] == 20_999
    assert [*rest[0], *ids(first)] == [*range(21_000)]


def test_a_rare_state_gives_short_pages_rather_than_reading_for_ever(
    api: InProcessApi, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dag_run_pages, "MOST_READ", 4)
    create(engine, 10)
    assert pages(api, f"{RUNS}?state=queued") == [[], [], []]
    assert pages(api, f"{RUNS}?state=failed&limit=5") == [[0, 3], [6], [9]]


def test_runs_of_an_earlier_life_are_not_listed(api: InProcessApi, engine: Engine) -> None:
    create(engine, 5, generation=0)
    assert pages(api, RUNS) == [[]]
    assert [run for page in pages(api, f"{RUNS}?limit=2") for run in page] == []


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "", "x", "1.5", "%201", "9" * 5000, "%D9%A1"])
def test_a_limit_that_is_none_is_refused(api: InProcessApi, limit: str) -> None:
    answer = api.get(f"{RUNS}?limit={limit}")
    assert (answer.status, answer.body) == (400, {"error": "limit must be a whole number from 1 to 1000"})


def _encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "x" * 5000,
        "%00",
        "%E2%98%83",
        _encoded(""),
        _encoded(">2024-01-01"),
        _encoded("2024-01-01T00:00:00.000000+00:00"),
        _encoded(">2024-01-01T00:00:00.000000"),
        _encoded(">2024-01-01T02:00:00.000000+02:00"),
        _encoded(">0001-01-01T00:00:00.000000+02:00"),
        _encoded("?2024-01-01T00:00:00.000000+00:00"),
        _encoded(">2024-01-01T00:00:00.000000+00:00") + "=",
        _encoded("<0001-01-01T00:00:00.000000+00:00"),
        _encoded(">9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_cursor_that_no_list_gave_is_refused(api: InProcessApi, cursor: str) -> None:
    answer = api.get(f"{RUNS}?cursor={cursor}")
    assert answer.status == 400
    assert "cursor" in answer.body["error"]


@pytest.mark.parametrize("name", ["execution_date_gte", "execution_date_lte"])
def test_a_bound_that_is_no_date_is_refused(api: InProcessApi, name: str) -> None:
    answer = api.get(f"{RUNS}?{name}=soon")
    assert answer.status == 400
    assert "Given execution date, soon, could not be identified as a date" in answer.body["error"]


def test_an_unknown_dag_is_told_before_a_limit_that_is_none(api: InProcessApi) -> None:
    assert api.get("/dags/none/dag_runs?limit=0").body == {"error": "Dag id none not found in DagModel"}


@given(
    instant=st.datetimes(timezones=st.just(UTC)),
    older=st.booleans(),
)
def test_a_cursor_leads_to_its_position(instant: datetime, older: bool) -> None:
    from chalicelib.api.experimental.paging import _cursor, _position

    assume(1 < instant.year < 9999)
    position = dag_run_pages.Position(execution_date=instant, older=older)
    assert _position(_cursor(position)) == position
