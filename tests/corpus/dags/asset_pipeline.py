"""A pipeline of Airflow 3: raw orders become an asset, others follow from it, a report from all of them."""

from airflow.sdk import DAG, Asset, asset, task

raw = Asset("raw_orders", uri="s3://lake/raw/orders")
clean = Asset("clean_orders", uri="s3://lake/clean/orders")


with DAG("asset_pipeline", schedule=None, tags=["lake"]):

    @task
    def fetch():
        return [{"id": 1, "amount": 10}, {"id": 2, "amount": -1}, {"id": 3, "amount": 5}]

    @task(outlets=[raw])
    def store(orders, *, outlet_events):
        outlet_events[raw].extra = {"rows": len(orders)}

    store(fetch())


with DAG("asset_pipeline_clean", schedule=[raw]):

    @task(outlets=[clean])
    def drop_negative(*, triggering_asset_events, outlet_events):
        rows = [event.extra["rows"] for events in triggering_asset_events.values() for event in events]
        outlet_events[clean].extra = {"rows": sum(rows) - 1}
        return rows

    drop_negative()


@asset(schedule=clean, uri="s3://lake/reports/daily")
def asset_pipeline_report(self):
    return self.name


with DAG("asset_pipeline_audit", schedule=(raw & clean)):

    @task(inlets=[clean])
    def audit(*, inlet_events):
        return [event.extra["rows"] for event in inlet_events[clean]]

    audit()
