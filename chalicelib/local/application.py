"""Updraft's own app as the local server runs it, and the steps that only the local server takes.

Everything is imported when it is called: the server sets the environment first.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.local.gateway import Refusal
from chalicelib.local.queue_pump import Record
from chalicelib.local.server import Application

_EXAMPLE = "example_hello"


def application() -> Application:
    """Updraft, for the local server."""
    return Application(
        chalice_app=_chalice_app,
        create=_create,
        resume=_resume,
        on_crash=_on_crash,
        refusals=_refusals,
        try_next=try_next,
    )


def worker(event: dict[str, Any], context: Any) -> Any:
    """The function that runs tasks, as on AWS; what it has to write waits for a full disk."""
    from chalicelib import handlers
    from chalicelib.local import full_disk

    full_disk.wait_for_room()
    return handlers.worker(event, context)


def triggerer(event: dict[str, Any], context: Any) -> Any:
    """The function that runs triggers, as above."""
    from chalicelib import handlers
    from chalicelib.local import full_disk

    full_disk.wait_for_room()
    return handlers.triggerer(event, context)


def sync(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The function that loads the DAG files (see ``dag_folder.DagFiles``); runs in a child of its own."""
    from chalicelib import bootstrap
    from chalicelib.engine.dags.sync import sync_dags
    from chalicelib.user_code.documents_apart import dags_apart

    engine = bootstrap.engine()
    folder = dags_apart(
        Path(event["dags_folder"]),
        variables=engine.store.variables,
        connections=engine.store.connections,
        secrets=bootstrap.secrets_backend(),
    )
    report = sync_dags(engine, folder, paused_at_creation=bootstrap.settings().dags_are_paused_at_creation)
    return {
        "dag_ids": list(report.dag_ids),
        "errors": {failure.filename: failure.message for failure in report.failures},
    }


def try_next(base_url: str, dag_ids: tuple[str, ...]) -> str:
    """A command that unpauses and triggers an example, or any DAG; without one, asks for the API."""
    if not dag_ids:
        return f"curl {base_url}/api/experimental/test"
    dag_id = _EXAMPLE if _EXAMPLE in dag_ids else dag_ids[0]
    dag = f"{base_url}/api/experimental/dags/{dag_id}"
    return f"curl {dag}/paused/false && curl -X POST {dag}/dag_runs -d '{{}}'"


def _chalice_app() -> Any:
    import app

    return app.app


def _create() -> None:
    from chalicelib import aws, bootstrap
    from chalicelib.deploy.description.resources import stage_resources
    from chalicelib.deploy.provisioning.before_chalice import create_missing
    from chalicelib.deploy.provisioning.queues import configure_queue

    resources = stage_resources(bootstrap.settings())
    create_missing(resources)
    for queue in resources.queues:  # those of an earlier start may fit another time of the worker
        configure_queue(queue, aws.client("sqs"))


def _resume() -> None:
    from chalicelib import bootstrap
    from chalicelib.engine.upkeep import sweep

    sweep.resume(bootstrap.engine())


def _on_crash(record: Record, request_id: str) -> None:
    """Tell the engine that the worker of a task is dead, so that its lease need not be waited for."""
    from chalicelib import bootstrap
    from chalicelib.domain.messages import RunTask, WorkerLost
    from chalicelib.queues.messages import decode

    message = decode(record["body"])
    if not isinstance(message, RunTask):
        return
    lost = WorkerLost(
        run=message.run.ref,
        task_id=message.task_id,
        map_index=message.map_index,
        try_number=message.try_number,
        request_id=request_id,
    )
    bootstrap.engine().send(lost)


def refusals(auth_backend: str) -> Mapping[str, Refusal]:
    """What API Gateway answers by itself on a stage with that auth backend."""
    from chalicelib.auth.backends import without_credentials

    decision = without_credentials(auth_backend)
    if decision.allowed:
        return {}
    challenge = (("WWW-Authenticate", decision.challenge),) if decision.challenge else ()
    error = "Unauthorized" if decision.status == 401 else "Forbidden"
    body = json.dumps({"error": error})
    return {"UNAUTHORIZED": Refusal(status=decision.status, body=body, headers=challenge)}


def _refusals() -> Mapping[str, Refusal]:
    from chalicelib import bootstrap
    from chalicelib.auth.backends import scheme
    from chalicelib.auth.verdicts import Scheme

    backend = bootstrap.settings().auth_backend
    if scheme(backend) is Scheme.KERBEROS:
        from chalicelib.auth.kerberos.keytabs import service_keys

        service_keys(bootstrap.keytab())  # one that cannot be used stops the server now
    return refusals(backend)
