"""Deploying a stage: what must exist, ``chalice deploy``, and what has to follow it.

Every step may be repeated and broken off at any point, so a deployment that did not get to its end is
mended by doing it again.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice.entries import standing_entries
from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.chalice.project import chalice_project
from chalicelib.deploy.chalice.record import read_deployed, restore_record
from chalicelib.deploy.checks.deployment import endpoint_problems, setting_problems
from chalicelib.deploy.checks.resources import check_resources
from chalicelib.deploy.deployed_functions import refuse_stack, standing_runtime
from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.functions import function_name, handlers_behind
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.provisioning.after_chalice import finish_deployment
from chalicelib.deploy.provisioning.alarms import put_alarms
from chalicelib.deploy.provisioning.before_chalice import configure, create_missing
from chalicelib.deploy.provisioning.bucket import bucket_exists
from chalicelib.deploy.provisioning.connect_events import connect_events, refuse_missing_sources
from chalicelib.deploy.provisioning.log_groups import make_log_groups
from chalicelib.deploy.provisioning.queues import SETTLES_AFTER_S
from chalicelib.deploy.runtimes import refuse_other_python, support_of, this_runtime
from chalicelib.deploy.stages import Stage, architecture
from chalicelib.deploy.steps import Step, Tell
from chalicelib.deploy.worker_time import (
    as_it_stands,
    ask_for_more,
    during_deployment,
    set_by_chalice,
    standing_worker_time,
)
from chalicelib.engine.dags.sync import sync_dags
from chalicelib.engine.engine import Engine
from chalicelib.events.declarations import Declaration
from chalicelib.events.delivery import check_dags
from chalicelib.user_code.documents import dags_of_folder

_REPEAT = "Put that right and deploy again: what is done already stays as it is"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A stage on its way to AWS; ``engine`` gives the engine over its tables, which then exist."""

    stage: Stage
    declarations: tuple[Declaration, ...]
    engine: Callable[[], Engine]
    tell: Tell
    client: aws.ClientFactory = aws.client
    run_chalice: RunChalice = run_chalice
    sleep: Sleep = time.sleep

    def steps(self) -> tuple[Step, ...]:
        """What there is to do, in order."""
        return (
            Step(name="Package", do=self.package, advice=_REPEAT),
            Step(name="Tables, queues and bucket", do=self._create, advice=_REPEAT),
            Step(name="Logs", do=self._make_log_groups, advice=_REPEAT),
            Step(name="What Chalice has deployed before", do=self._restore_record, advice=_REPEAT),
            Step(name="Functions and REST API", do=self._chalice_deploy, advice=_REPEAT),
            Step(name="What Chalice has no setting for", do=self._finish, advice=_REPEAT),
            Step(name="DAG files", do=self._sync, advice=_REPEAT),
            Step(name="Sources of events", do=self._connect, advice=_REPEAT),
            # Last: one of them goes off as long as there is no clock, and how long a message may wait follows
            # from the time that AWS gave the worker.
            Step(name="Alarms", do=self._put_alarms, advice=_REPEAT),
        )

    @property
    def url(self) -> str:
        """Where the API answers once all is done, without a slash at the end."""
        return f"{read_deployed(self.stage.project, self.stage.name).url}experimental"

    def _create(self) -> None:
        standing = standing_worker_time(self.stage.name, client=self.client)
        resources = stage_resources(during_deployment(self.stage.settings, standing))
        place = caller_place(self.client)
        made = create_missing(
            resources, owner=place.account, client=self.client, settle_s=SETTLES_AFTER_S, sleep=self.sleep
        )
        for name in made:
            self.tell(f"  new: {name}")
        configure(resources, place=place, without=made, client=self.client, sleep=self.sleep)

    def _make_log_groups(self) -> None:
        groups = stage_resources(self.stage.settings).log_groups
        for name in make_log_groups(groups, self.client("logs"), sleep=self.sleep):
            self.tell(f"  new: {name}")

    def _restore_record(self) -> None:
        restore_record(self.stage.project, self.stage.name, client=self.client)

    def package(self) -> None:
        """Build what is to be deployed, which changes nothing; raises as ``build_package`` does."""
        with TemporaryDirectory() as directory:
            package = build_package(self.stage, Path(directory), self.run_chalice)
            self.tell(
                f"  {package.stat().st_size / 1e6:.1f} MB for {this_runtime()} on {architecture(self.stage)}"
            )

    def _chalice_deploy(self) -> None:
        standing = standing_worker_time(self.stage.name, client=self.client)
        worker_timeout = set_by_chalice(self.stage.settings.worker_timeout, standing)
        policies = policy_documents(self.stage, caller_place(self.client))
        with chalice_project(self.stage, worker_timeout=worker_timeout, policies=policies) as project:
            self.run_chalice(project, ("deploy", "--stage", self.stage.name))

    def _finish(self) -> None:
        refused = ask_for_more(self.stage.settings, client=self.client)
        if refused:
            self.tell(f"  {refused}")
        finish_deployment(self.stage.project, self.stage.name, client=self.client, sleep=self.sleep)

    def _sync(self) -> None:
        settings = self.stage.settings
        engine = self.engine()
        folder = dags_of_folder(settings.dags_folder, engine.store.variables)
        report = sync_dags(engine, folder, paused_at_creation=settings.dags_are_paused_at_creation)
        self.tell(f"  {len(report.dag_ids)} DAGs: {', '.join(report.dag_ids) or 'none'}")

    def _connect(self) -> None:
        check_dags(self.engine(), self.declarations)
        sources = event_sources(self.stage.settings, self.declarations)
        connected = connect_events(sources, client=self.client, sleep=self.sleep)
        self._tell_of(connected.made, connected.removed)

    def _put_alarms(self) -> None:
        resources = stage_resources(as_it_stands(self.stage, client=self.client).settings)
        put = put_alarms(resources, self.client("cloudwatch"))
        self._tell_of(put.made, put.removed)

    def _tell_of(self, made: Iterable[str], removed: Iterable[str]) -> None:
        for name in made:
            self.tell(f"  new: {name}")
        for name in removed:
            self.tell(f"  removed: {name}")


def plan_deployment(
    stage: Stage, declarations: tuple[Declaration, ...], *, client: aws.ClientFactory = aws.client
) -> Iterable[str]:
    """What a deployment would do, a line each; asks AWS and changes nothing.

    Raises ``StageError`` for a stage that is a CloudFormation stack, and from another Python than its own;
    ``EventSourceMissing`` and ``BucketNameTaken``.
    """
    refuse_stack(stage.name, client=client)
    runtime = standing_runtime(stage.name, client=client)
    refuse_other_python(stage, runtime)
    refuse_missing_sources(event_sources(stage.settings, declarations), client=client)
    at_present = as_it_stands(stage, client=client)
    resources, place = stage_resources(at_present.settings), caller_place(client)
    bucket_exists(resources.bucket, client("s3"), place.account)
    for finding in check_resources(resources, place=place, client=client):
        yield _planned(finding)
    entries = {entry["name"]: entry for entry in standing_entries(stage.name, client=client)}
    for handler in handlers_behind(stage.settings.auth_backend):
        yield _planned_function(at_present, handler, handler in entries, client)
    settings = stage.settings
    yield f"use     {this_runtime()} on {architecture(stage)}; {support_of(this_runtime())}"
    yield f"ask     {settings.worker_timeout} s for a try{_given(stage, at_present)}"
    yield f"{'update' if 'rest_api' in entries else 'create'}  REST API, for {settings.auth_backend}"
    if "rest_api" in entries:
        rest_api_id = entries["rest_api"]["rest_api_id"]
        for problem in endpoint_problems(stage, rest_api_id, client("apigateway")):
            yield f"change  REST API: {problem}"
    yield (
        f"limit   each method of it to {settings.throttling_rate_limit} requests a second, "
        f"{settings.throttling_burst_limit} at once"
    )
    yield f"sync    the DAG files in {stage.settings.dags_folder.relative_to(stage.project)}"
    yield f"connect {len(declarations)} declarations of events"


def _planned_function(stage: Stage, handler: str, stands: bool, client: aws.ClientFactory) -> str:
    name = function_name(stage.name, handler)
    if not stands:
        return f"create  function {name}"
    problems = "; ".join(setting_problems(stage, handler, this_runtime(), client("lambda")))
    return f"update  function {name}{': ' if problems else ''}{problems}"


def _given(wanted: Stage, at_present: Stage) -> str:
    given = at_present.settings.worker_timeout
    return "" if given == wanted.settings.worker_timeout else f"; {given} s stand"


def _planned(finding: Finding) -> str:
    if finding.missing:
        return f"create  {finding.subject}"
    if finding.ok:
        return f"keep    {finding.subject}"
    return f"change  {finding.subject}: {'; '.join(finding.problems)}"


def next_step(url: str, auth_backend: str) -> str:
    """What to do with the deployed API: a command to try, or how to let anybody in."""
    match auth_backend.rpartition(".")[2]:
        case "deny_all":
            return (
                "Nobody may call it yet: set AIRFLOW__API__AUTH_BACKEND in the stage's environment_variables "
                "in .chalice/config.json and deploy again"
            )
        case "basic_auth" | "password_auth":
            credentials = "--user NAME "
        case "kerberos_auth":
            credentials = "--negotiate --user : "
        case _:
            credentials = ""
    return f"Try: curl {credentials}{url}/test"
