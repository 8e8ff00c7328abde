"""TaskFlow: functions become tasks, and what they return goes from one to the next."""

import logging
from datetime import UTC, datetime

from airflow.decorators import dag, task
from airflow.lineage.entities import File

log = logging.getLogger("airflow.task")


@dag(
    schedule="0 6 * * 1-5",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"owner": "examples"},
    tags=["example"],
)
def example_taskflow():
    """Prices in, a summary out."""

    @task(retries=2)
    def extract():
        return {"apples": 1.2, "pears": 2.4, "plums": 0.9}

    @task
    def summarize(prices: dict) -> dict:
        return {"cheapest": min(prices, key=prices.get), "total": round(sum(prices.values()), 2)}

    @task(outlets=[File(url="s3://example/report-{{ ds }}.txt")])
    def report(cheapest: str, total: float, logical_date=None):
        log.info("%s: %s are cheapest; all together cost %s", logical_date, cheapest, total)

    summary = summarize(extract())
    report(summary["cheapest"], summary["total"])


example_taskflow()
