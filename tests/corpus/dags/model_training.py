"""A model that is trained every week: a cluster around it, trials side by side, a job waited for in a trigger."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.decorators import setup, task, teardown
from airflow.exceptions import AirflowException
from airflow.models.baseoperator import BaseOperator
from airflow.models.param import Param
from airflow.operators.python import ShortCircuitOperator
from airflow.triggers.temporal import TimeDeltaTrigger
from airflow.utils.edgemodifier import Label


class TrainOperator(BaseOperator):
    """Submits a training job, and waits for it without holding a worker."""

    template_fields = ("dataset", "learning_rate")

    def __init__(self, *, dataset, learning_rate, wait=timedelta(seconds=1), **kwargs):
        super().__init__(**kwargs)
        self.dataset = dataset
        self.learning_rate = learning_rate
        self.wait = wait

    def execute(self, context):
        self.log.info("training on %s with %s", self.dataset, self.learning_rate)
        self.defer(
            trigger=TimeDeltaTrigger(self.wait),
            method_name="collect",
            kwargs={"job_id": f"job-{context['ti'].map_index}"},
            timeout=timedelta(hours=6),
        )

    def collect(self, context, event=None, job_id=None):
        if float(self.learning_rate) > 0.5:
            raise AirflowException(f"{job_id} diverged")
        return {"job": job_id, "score": 1 - float(self.learning_rate)}


with DAG(
    "model_training",
    start_date=datetime(2026, 1, 1),
    schedule="@weekly",
    catchup=False,
    params={"least_score": Param(0.8, type="number"), "rates": Param([0.1, 0.3, 0.9], type="array")},
    default_args={"owner": "ml", "retries": 0},
    render_template_as_native_obj=True,
):

    @setup
    def start_cluster():
        return "cluster-7"

    @teardown(on_failure_fail_dagrun=True)
    def stop_cluster(name):
        print("stopping", name)

    @task
    def sample(ds=None):
        return f"s3://ml/samples/{ds}"

    @task
    def rates(params=None):
        return [{"learning_rate": rate} for rate in params["rates"]]

    @task(trigger_rule="all_done")
    def best(ti=None):
        found = [value for value in ti.xcom_pull(task_ids="train") if value]
        return max(found, key=lambda value: value["score"])

    def is_good_enough(ti, params):
        return ti.xcom_pull(task_ids="best")["score"] >= params["least_score"]

    @task
    def register(model):
        return f"registered {model['job']}"

    cluster = start_cluster()
    dataset = sample()
    with stop_cluster(cluster) as stopped:
        trained = TrainOperator.partial(
            task_id="train", dataset="{{ ti.xcom_pull('sample') }}"
        ).expand_kwargs(rates())
        dataset >> trained
        model = best()
        trained >> model
    gate = ShortCircuitOperator(task_id="gate", python_callable=is_good_enough)
    model >> gate >> Label("good enough") >> register(model)
