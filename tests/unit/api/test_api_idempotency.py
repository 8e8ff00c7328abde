"""The ``Idempotency-Key`` header on triggers and on the creation of pools."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.api.experimental.dag_runs import trigger
from chalicelib.api.http.request_and_reply import Request
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.domain.messages import WakePool
from chalicelib.engine.engine import Engine
from chalicelib.settings import Settings
from tests.scripted.asking import Answer
from tests.scripted.clock import MovedClock
from tests.scripted.engines import take_sent
from tests.scripted.in_process_api import InProcessApi

RUNS = "/dags/etl/dag_runs"
POOL = {"name": "p", "slots": 3, "description": None}
REUSED = {"error": "The Idempotency-Key was used with another body before; use a new key"}


def post(api: InProcessApi, path: str, body: Any, key: str | None = "k") -> Answer:
    headers: Mapping[str, str] = {} if key is None else {"Idempotency-Key": key}
    return api.send("POST", f"/experimental{path}", headers, json.dumps(body).encode())


def runs(engine: Engine, dag_id: str = "etl") -> list[str]:
    return [run.run_id for run in engine.store.dag_runs.list(dag_id)]


def test_a_trigger_sent_again_is_answered_as_the_first_time(
    api: InProcessApi, engine: Engine, clock: MovedClock
) -> None:
    first = post(api, RUNS, {})
    clock.sleep(timedelta(hours=1).total_seconds())
    assert post(api, RUNS, {}) == first
    assert first.status == 200
    assert runs(engine) == [first.body["run_id"]]
    assert len(take_sent(engine)) == 1


def test_the_offset_of_a_date_is_in_the_repeated_answer_too(api: InProcessApi) -> None:
    body = {"execution_date": "2024-05-06T07:08:09+02:00"}
    first = post(api, RUNS, body)
    assert post(api, RUNS, body) == first
    assert first.body["execution_date"].endswith("+02:00")


def test_a_key_that_came_with_another_body_is_a_conflict(api: InProcessApi, engine: Engine) -> None:
    post(api, RUNS, {"run_id": "one"})
    answer = post(api, RUNS, {"run_id": "two", "execution_date": "2024-01-01"})
    assert (answer.status, answer.body) == (409, REUSED)
    assert runs(engine) == ["one"]


def test_without_a_key_a_trigger_sent_again_is_a_duplicate(api: InProcessApi) -> None:
    body = {"execution_date": "2024-01-01"}
    assert [post(api, RUNS, body, key=None).status for _ in range(2)] == [200, 400]
    assert post(api, RUNS, body, key="new").status == 400, "a key does not grant what another run took"


def test_a_key_counts_for_one_dag_and_one_route(api: InProcessApi, engine: Engine) -> None:
    assert post(api, RUNS, {}).status == 200
    assert post(api, "/dags/dated/dag_runs", {}).status == 200
    assert post(api, "/pools", POOL).status == 200
    assert (len(runs(engine)), len(runs(engine, "dated"))) == (1, 1)


def test_a_key_counts_for_one_principal(engine: Engine, settings: Settings, clock: MovedClock) -> None:
    with bootstrap.use(engine=engine, settings=settings):
        for principal in ("ada", "bob", None, "ada"):
            clock.sleep(timedelta(minutes=1).total_seconds())
            trigger(
                Request(
                    path={"dag_id": "etl"},
                    query={},
                    headers={"idempotency-key": "k"},
                    body=b"{}",
                    principal=principal,
                )
            )
    assert [run.triggered_by for run in engine.store.dag_runs.list("etl")] == ["ada", "bob", "api"]


def test_a_refusal_is_not_remembered(api: InProcessApi, engine: Engine) -> None:
    assert post(api, "/dags/none/dag_runs", {}).status == 404
    assert post(api, RUNS, {"run_id": "not allowed!"}).status == 400
    assert post(api, RUNS, {"run_id": "allowed"}).status == 200
    assert runs(engine) == ["allowed"]


def test_what_was_granted_is_answered_again_whatever_became_of_the_dag(
    api: InProcessApi, engine: Engine
) -> None:
    first = post(api, RUNS, {})
    engine.store.dags.mark_deleted("etl")
    assert post(api, RUNS, {}) == first
    assert post(api, RUNS, {"conf": {"a": 1}}).status == 409
    assert post(api, RUNS, {}, key="new").status == 404


def test_a_key_is_free_again_after_a_day(api: InProcessApi, engine: Engine, clock: MovedClock) -> None:
    first = post(api, RUNS, {})
    clock.sleep(timedelta(hours=23).total_seconds())
    assert post(api, RUNS, {}) == first
    clock.sleep(timedelta(hours=1, seconds=1).total_seconds())
    assert post(api, RUNS, {"conf": {"another": "body"}}).status == 200
    assert len(runs(engine)) == 2


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "x" * 256, "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}", "\t"]
)
@pytest.mark.parametrize(("path", "body"), [(RUNS, {}), ("/pools", POOL)])
def test_a_key_that_is_none_is_refused(
    api: InProcessApi, engine: Engine, path: str, body: Any, key: str
) -> None:
    answer = post(api, path, body, key)
    assert answer.status == 400
    assert "Idempotency-Key takes 1 to 255 visible ASCII characters" in answer.body["error"]
    assert (runs(engine), [*engine.store.pools.list()]) == ([], [])


@pytest.mark.parametrize("key", ["x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~"])
def test_other_keys_are_taken(api: InProcessApi, key: str) -> None:
    assert post(api, RUNS, {}, key).status == 200


def test_a_pool_is_answered_as_the_first_time_even_if_it_changed_since(
    api: InProcessApi, engine: Engine
) -> None:
    first = post(api, "/pools", POOL)
    post(api, "/pools", {**POOL, "slots": 9}, key="other")
    again = post(api, "/pools", POOL)
    assert again == first
    assert first.body["slots"] == 3
    assert api.get("/pools/p").body["slots"] == 9
    assert post(api, "/pools", {**POOL, "slots": 4}).body == REUSED


def test_a_pool_that_stays_as_it_is_is_remembered_too(api: InProcessApi, engine: Engine) -> None:
    plain = post(api, "/pools", POOL, key=None)
    assert post(api, "/pools", POOL).body == plain.body
    engine.store.pools.delete("p")
    assert post(api, "/pools", POOL).body == plain.body
    assert api.get("/pools/p").status == 404


def test_a_pool_whose_message_was_lost_wakes_waiting_tasks_when_it_is_sent_again(
    api: InProcessApi, engine: Engine, settings: Settings
) -> None:
    class Deaf:
        def send(self, messages: object) -> None:
            raise StoreUnavailable("the queue did not take a message")

    with bootstrap.use(engine=replace(engine, sender=Deaf())):
        assert post(api, "/pools", POOL).status == 503
    assert post(api, "/pools", POOL).status == 200
    assert [outgoing.message for outgoing in take_sent(engine)] == [WakePool(pool="p")]
