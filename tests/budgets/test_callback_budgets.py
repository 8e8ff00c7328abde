"""What callbacks cost: a message where they are wanted, nothing anywhere else."""

from chalicelib.domain.messages import RunCallback, RunTask, StartRun
from tests.budgets.deployment import MeteredDeployment, started
from tests.scripted.dags import ScriptedDag, Shape

SUCCESS = ("on_success_callback",)


def test_an_end_that_calls_back_takes_one_message_more_sent_at_once(deployment: MeteredDeployment) -> None:
    started(deployment, ScriptedDag([Shape("a", callbacks=SUCCESS), Shape("b", ("a",))]))
    meter = deployment.handle(deployment.take(RunTask, "a"))
    assert meter.dynamodb_requests == 5
    assert (meter.sqs["SendMessageBatch"], meter.sqs_messages) == (2, 2)
    assert [type(message) for message in deployment.sender.sent] == [RunCallback, RunTask]


def test_an_end_that_nobody_wants_to_hear_of_costs_what_it_did(deployment: MeteredDeployment) -> None:
    failure = ("on_failure_callback",)
    started(deployment, ScriptedDag([Shape("a", callbacks=failure), Shape("b", ("a",))], callbacks=failure))
    meter = deployment.handle(deployment.take(RunTask, "a"))
    assert (meter.dynamodb_requests, meter.sqs_messages) == (5, 1)
    meter = deployment.handle(deployment.take(RunTask, "b"))
    assert (meter.dynamodb_requests, meter.sqs_messages) == (9, 0)


def test_the_end_of_a_run_that_calls_back_takes_one_message_more(deployment: MeteredDeployment) -> None:
    started(deployment, ScriptedDag([Shape("only")], callbacks=SUCCESS))
    meter = deployment.handle(deployment.take(RunTask))
    assert (meter.dynamodb_requests, meter.sqs_messages) == (9, 1)


def test_only_a_dag_whose_runs_listeners_hear_of_has_a_message_more_when_one_starts(
    deployment: MeteredDeployment,
) -> None:
    costs = []
    for dag_id, callbacks in (("cold", ()), ("plain", ()), ("heard", ("on_dag_run_running",))):
        dag = ScriptedDag([Shape("only")], dag_id=dag_id, callbacks=callbacks)
        deployment.deploy(dag)
        deployment.trigger(dag)
        meter = deployment.handle(deployment.take(StartRun))
        costs.append((meter.dynamodb, meter.sqs_messages))
        deployment.drain()
    _, (plain, messages), heard = costs
    assert heard == (plain, messages + 1)


def test_a_failure_of_a_dag_that_counts_them_takes_one_request_more_and_the_pause_another(
    deployment: MeteredDeployment,
) -> None:
    failing = [Shape("only", behaviour="fail")]
    started(deployment, ScriptedDag(failing, dag_id="plain"))
    plain = deployment.handle(deployment.take(RunTask)).dynamodb
    for most, pauses in ((2, 0), (1, 1)):
        started(deployment, ScriptedDag(failing, dag_id=f"counts-to-{most}", most_failures=most))
        counted = deployment.handle(deployment.take(RunTask)).dynamodb
        more = {call: number - plain.get(call, 0) for call, number in counted.items()}
        assert {call: number for call, number in more.items() if number} == {
            ("Query", "dag_runs"): 1,
            **({("UpdateItem", "dags"): 1} if pauses else {}),
        }


def test_a_call_takes_one_request_and_the_log_and_for_the_dag_one_more(
    deployment: MeteredDeployment,
) -> None:
    started(deployment, ScriptedDag([Shape("only", callbacks=SUCCESS)], callbacks=SUCCESS))
    deployment.handle(deployment.take(RunTask))
    meter = deployment.handle(deployment.take(RunCallback, "only"))
    assert meter.dynamodb == {("GetItem", "dags"): 1}
    assert meter.s3 == {"PutObject": 1}
    meter = deployment.handle(deployment.take(RunCallback))
    assert meter.dynamodb == {("GetItem", "dags"): 1, ("Query", "task_instances"): 1}
    assert meter.s3 == {"PutObject": 1}


def test_a_duplicate_of_an_ended_try_looks_whether_the_call_was_sent(deployment: MeteredDeployment) -> None:
    started(deployment, ScriptedDag([Shape("a", callbacks=SUCCESS), Shape("b", ("a",))]))
    message = deployment.take(RunTask, "a")
    deployment.handle(message)
    deployment.handle(deployment.take(RunTask, "b"))
    meter = deployment.handle(message)
    assert meter.dynamodb == {
        ("UpdateItem", "task_instances"): 2,
        ("BatchGetItem", "dag_runs+dags"): 1,
        ("GetItem", "task_instances"): 1,
    }
    assert meter.sqs.total() == 0
