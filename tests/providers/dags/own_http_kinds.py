"""HTTP kinds: auth types, mapped operators, pagination with options, deferrable with retries, sensors by exceptions."""

from datetime import datetime, timedelta

from requests.auth import HTTPDigestAuth, HTTPBasicAuth

from airflow import DAG
from airflow.decorators import task
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.operators.python import PythonOperator
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor

from airflow.hooks.base import BaseHook


class TokenAuth(HTTPBasicAuth):
    """A team's own auth."""

    def __call__(self, request):
        request.headers["X-Team"] = f"token-{self.username}"
        return request


def skip_if_empty(response):
    if not response.json()["orders"]:
        raise AirflowSkipException("no orders")
    return True


def by_hook(**context):
    connection = BaseHook.get_connection("shop_api")
    hook = HttpHook(method="GET", http_conn_id="shop_api", auth_type=TokenAuth)
    answer = hook.run("echo/a b", data={"q": "ä"}, headers={"X-Run": context["run_id"]}).json()
    return [connection.extra_dejson, connection.login, answer["team"], answer["query"], answer["run"]]


def failing_hook():
    HttpHook("GET").run("status/404", extra_options={"check_response": True})


with DAG(
    "own_http_kinds",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    catchup=False,
    default_args={"retry_delay": timedelta(seconds=1), "http_conn_id": "http_default"},
) as dag:
    mapped = HttpOperator.partial(
        task_id="mapped", method="GET", response_filter=lambda response: len(response.json()["orders"])
    ).expand(endpoint=[f"orders?day=2026-01-0{n}" for n in (1, 2, 3)])
    basic = HttpOperator(
        task_id="basic", http_conn_id="shop_api", endpoint="private", method="GET", auth_type=HTTPBasicAuth,
        response_filter=lambda r: r.json(),
    )
    token = HttpOperator(
        task_id="token", http_conn_id="shop_api", endpoint="echo/x", method="PUT", auth_type=TokenAuth,
        data={"day": "{{ ds }}"}, headers={"Content-Type": "application/json"}, response_filter=lambda r: r.json()["team"],
        log_response=True,
    )
    digest = HttpOperator(
        task_id="digest", http_conn_id="shop_api", endpoint="private", method="GET", auth_type=HTTPDigestAuth
    )
    lenient = HttpOperator(
        task_id="lenient", endpoint="status/404", method="GET", extra_options={"check_response": False},
        response_filter=lambda r: r.status_code,
    )
    skipped = HttpOperator(
        task_id="skipped", endpoint="orders", method="GET", data={"day": "2020-01-01"}, response_check=skip_if_empty
    )
    context_check = HttpOperator(
        task_id="context_check", endpoint="orders", method="GET", data={"day": "{{ ds }}"},
        response_check=lambda response, ds, **_: response.json()["day"] == ds,
        response_filter=lambda response, ti: [ti.task_id, response.json()["day"]],
    )
    retried = HttpOperator(
        task_id="retried", endpoint="flaky/own/2", method="GET", retries=2, deferrable=True,
        response_filter=lambda r: r.json(),
    )
    posted = HttpOperator.partial(task_id="posted", endpoint="inbox/own", method="POST").expand(
        data=["one", "two"]
    )
    sensor = HttpSensor.partial(task_id="sensor", poke_interval=1, timeout=20, mode="reschedule").expand(
        endpoint=["ready/own1/1", "ready/own2/2"]
    )
    value = HttpSensor(
        task_id="value", endpoint="state/own/2", poke_interval=1, timeout=20,
        response_check=lambda response: response.json()["state"] == "done",
    )
    python = PythonOperator(task_id="python", python_callable=by_hook)
    wrong = PythonOperator(task_id="wrong", python_callable=failing_hook, retries=1)

    @task
    def check(numbers, inbox=None):
        assert list(numbers) == [2, 2, 0], list(numbers)
        return sorted(HttpHook("GET").run("inbox/own").json())

    checked = check(mapped.output)
    posted >> checked
    sensor >> value
