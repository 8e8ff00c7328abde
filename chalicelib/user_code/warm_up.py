"""A rehearsal: a try of a task that does nothing, so that what it takes the first time is done.

In the fork server it imports what every DAG file and every try needs, and fills caches, in the memory that
all share; in a process that waits for its try it makes copies of the memory that a try writes to.
"""

import gc
import json
from datetime import UTC, datetime
from functools import cache

import jinja2  # noqa: F401 - imported to be there
import pendulum  # noqa: F401

from chalicelib.authoring.model.dag import DAG
from chalicelib.authoring.operators.bash import BashOperator
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.plugins import listeners
from chalicelib.authoring.running.execution import run_try
from chalicelib.domain.runs.outcomes import TryRequest
from chalicelib.user_code.jobs import Job, outcome_frame, outcome_of_frame
from chalicelib.user_code.no_xcoms import NoXComs

_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)


def warm_up() -> None:
    """Rehearse, and keep the garbage collector off what is there now: it would copy what is to be shared."""
    rehearse()
    gc.collect()
    gc.freeze()


def rehearse() -> None:
    """Run a task that does nothing; what it logs goes where logs go."""
    header, text = json.loads(json.dumps(Job(request=_request(), scratch="").frame()))
    request = Job.of_frame(header, text).request
    if isinstance(request, TryRequest):
        with listeners.silenced():
            outcome = run_try(_dag(), request, NoXComs())
        outcome_of_frame(json.loads(json.dumps(outcome_frame(outcome))))


@cache
def _dag() -> DAG:
    with DAG("warm_up", start_date=_SOME_DAY, schedule=None) as dag:
        PythonOperator(task_id="python", python_callable=len, op_args=["{{ ds }}"])
        BashOperator(task_id="bash", bash_command=":")
    return dag


def _request() -> TryRequest:
    return TryRequest(
        dag_id="warm_up",
        fileloc="",
        run_id="",
        run_uid="",
        run_type="manual",
        task_id="python",
        map_index=-1,
        try_number=1,
        max_tries=0,
        execution_date=_SOME_DAY,
        data_interval_start=_SOME_DAY,
        data_interval_end=_SOME_DAY,
        run_start_date=_SOME_DAY,
        start_date=_SOME_DAY,
        external_trigger=True,
    )
