"""The deployment of a stage as a list of steps: before ``chalice deploy``, by it, and after it.

Each step says what it would do, and does it. Each may be repeated and broken off at any point, so that a
deployment that did not get to its end is mended by doing it again.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib import aws
from chalicelib.deploy.aws_errors import Sleep
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice.program import RunChalice, run_chalice
from chalicelib.deploy.chalice.project import chalice_project
from chalicelib.deploy.chalice.record import planned_restoring, read_deployed, restore_record, true_record
from chalicelib.deploy.checks.alarms import check_alarms
from chalicelib.deploy.checks.deployment import endpoint_problems, setting_problems
from chalicelib.deploy.checks.events import check_events
from chalicelib.deploy.checks.log_groups import check_log_groups
from chalicelib.deploy.checks.resources import check_resources
from chalicelib.deploy.deployed_functions import refuse_stack, standing_runtime
from chalicelib.deploy.description.event_sources import EventSources, event_sources
from chalicelib.deploy.description.functions import LOOPING_HANDLERS, QUEUE_OF, function_name, handlers_behind
from chalicelib.deploy.description.layer import layer_name
from chalicelib.deploy.description.log_groups import LogGroup, log_groups
from chalicelib.deploy.description.resources import Bucket, StageResources, stage_resources
from chalicelib.deploy.findings import DEPLOY_AGAIN, Finding
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.packaging.layer import LayerContents, build_layer, fitting_layer, unpacked_bytes
from chalicelib.deploy.policy_files import policy_documents
from chalicelib.deploy.provisioning.after_chalice import finish_deployment
from chalicelib.deploy.provisioning.alarms import put_alarms
from chalicelib.deploy.provisioning.before_chalice import configure, create_missing
from chalicelib.deploy.provisioning.bucket import bucket_exists
from chalicelib.deploy.provisioning.connect_events import connect_events, refuse_missing_sources
from chalicelib.deploy.provisioning.layer import (
    delete_unwanted,
    publish_layer,
    standing_versions,
    unwanted_versions,
    version_with,
)
from chalicelib.deploy.provisioning.log_groups import make_log_groups
from chalicelib.deploy.provisioning.queues import SETTLES_AFTER_S
from chalicelib.deploy.runtimes import refuse_other_python, support_of, this_runtime
from chalicelib.deploy.stages import Stage, architecture
from chalicelib.deploy.steps import Step, Tell, planned
from chalicelib.deploy.worker_time import (
    as_it_stands,
    ask_for_more,
    during_deployment,
    planned_asking,
    set_by_chalice,
    standing_worker_time,
)
from chalicelib.engine.dags.sync import sync_dags
from chalicelib.engine.engine import Engine
from chalicelib.events.declarations import Declaration
from chalicelib.events.delivery import check_dags
from chalicelib.store.secrets_backends import secrets_backend_of
from chalicelib.user_code.documents_apart import dags_apart

_REPEAT = "Put that right and deploy again: what is done already stays as it is"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A stage on its way to AWS."""

    stage: Stage
    declarations: tuple[Declaration, ...]
    """The events that trigger the stage's DAGs."""
    engine: Callable[[], Engine]
    """Gives the engine over the stage's tables, once they exist."""
    tell: Tell
    user_packages: LayerContents | None = None
    """What the layer of the worker and the triggerer has; None where the DAGs folder asks for no packages."""
    client: aws.ClientFactory = aws.client
    run_chalice: RunChalice = run_chalice
    sleep: Sleep = time.sleep

    def plan(self) -> Iterator[str]:
        """What the steps would do, in their order, a line each; asks AWS and changes nothing.

        Raises ``StageError`` for a stage that is a CloudFormation stack, and from another Python than its
        own; ``EventSourceMissing`` and ``BucketNameTaken``.
        """
        refuse_stack(self.stage.name, client=self.client)
        refuse_other_python(self.stage, standing_runtime(self.stage.name, client=self.client))
        refuse_missing_sources(self._sources, client=self.client)
        bucket = Bucket(name=self.stage.settings.bucket)
        bucket_exists(bucket, self.client("s3"), caller_place(self.client).account)
        yield from planned(self.steps())

    def steps(self) -> tuple[Step, ...]:
        """What there is to do, in order."""
        steps = (
            ("Package", self._plan_package, self.package),
            ("Tables, queues, bucket and Fernet key", self._plan_tables, self._make_tables),
            ("Logs", self._plan_log_groups, self._make_log_groups),
            ("What Chalice has deployed before", self._plan_record, self._restore_record),
            ("User packages", self._plan_layer, self._publish_layer),
            ("Functions and REST API", self._plan_functions, self._chalice_deploy),
            ("What Chalice has no setting for", self._plan_settings, self._finish),
            # After the functions, which had them until now.
            ("User packages that no function has", self._plan_leaving, self._delete_layers),
            ("DAG files", self._plan_dag_files, self._sync),
            ("Sources of events", self._plan_events, self._connect),
            # Last: one of them goes off as long as there is no clock, and how long a message may wait follows
            # from the time that AWS gave the worker.
            ("Alarms", self._plan_alarms, self._put_alarms),
        )
        return tuple(Step(name=name, plan=plan, do=do, advice=_REPEAT) for name, plan, do in steps)

    @property
    def url(self) -> str:
        """Where the API answers once all is done, without a slash at the end."""
        return f"{read_deployed(self.stage.project, self.stage.name).url}experimental"

    def _plan_package(self) -> Iterator[str]:
        runtime = this_runtime()
        yield f"use     {runtime} on {architecture(self.stage)}; {support_of(runtime)}"

    def package(self) -> None:
        """Build what is to be deployed, which changes nothing.

        Raises as ``build_package`` and ``fitting_layer`` do.
        """
        with TemporaryDirectory() as directory:
            package = build_package(
                self.stage,
                Path(directory),
                self.run_chalice,
                beside_botocore=self.user_packages is not None and self.user_packages.has_botocore,
            )
            self.tell(
                f"  {package.stat().st_size / 1e6:.1f} MB for {this_runtime()} on {architecture(self.stage)}"
            )
            if self.user_packages:
                layer = fitting_layer(self.user_packages, self.stage, beside=unpacked_bytes(package))
                self.tell(f"  {layer.line}")

    def _plan_tables(self) -> Iterator[str]:
        place = caller_place(self.client)
        yield from map(_planned, check_resources(self._resources_meanwhile, place=place, client=self.client))

    def _make_tables(self) -> None:
        resources, place = self._resources_meanwhile, caller_place(self.client)
        made = create_missing(
            resources, owner=place.account, client=self.client, settle_s=SETTLES_AFTER_S, sleep=self.sleep
        )
        for name in made:
            self.tell(f"  new: {name}")
        configure(resources, place=place, without=made, client=self.client, sleep=self.sleep)

    def _plan_log_groups(self) -> Iterator[str]:
        yield from map(_planned, check_log_groups(self._log_groups, self.client("logs")))

    def _make_log_groups(self) -> None:
        for name in make_log_groups(self._log_groups, self.client("logs"), sleep=self.sleep):
            self.tell(f"  new: {name}")

    def _plan_record(self) -> Iterator[str]:
        yield from planned_restoring(self.stage.project, self.stage.name, client=self.client)

    def _restore_record(self) -> None:
        restore_record(self.stage.project, self.stage.name, client=self.client)

    def _plan_layer(self) -> Iterator[str]:
        if self.user_packages is None:
            return
        standing = standing_versions(self.stage.name, self.client("lambda"))
        is_there = version_with(self.user_packages.digest, standing)
        verb = "keep   " if is_there else "change " if standing else "create "
        yield f"{verb} layer {layer_name(self.stage.name)}"

    def _publish_layer(self) -> None:
        if self.user_packages:
            arn, is_new = self._published(self.user_packages)
            self.tell(f"  {'published' if is_new else 'as before'}: {arn}")

    def _published(self, contents: LayerContents) -> tuple[str, bool]:
        layer, owner = build_layer(contents, self.stage), caller_place(self.client).account
        return publish_layer(layer, self.stage, owner=owner, client=self.client)

    def _plan_leaving(self) -> Iterator[str]:
        standing = standing_versions(self.stage.name, self.client("lambda"))
        for version in unwanted_versions(standing, keep=self._digest):
            yield f"delete  layer {version.name}"

    def _delete_layers(self) -> None:
        owner = caller_place(self.client).account
        removed = delete_unwanted(self.stage, keep=self._digest, owner=owner, client=self.client)
        self._tell_of((), removed)

    def _plan_functions(self) -> Iterator[str]:
        record = true_record(self.stage.project, self.stage.name, client=self.client)
        entries = {entry["name"]: entry for entry in record}
        settings = replace(self.stage.settings, worker_timeout=self._time_set_by_chalice)
        for handler in handlers_behind(settings.auth_backend):
            stage = replace(self.stage, settings=settings)
            yield _planned_function(stage, handler, handler in entries, self.client)
        yield f"{'update' if 'rest_api' in entries else 'create'}  REST API, for {settings.auth_backend}"
        if "rest_api" in entries:
            rest_api_id = entries["rest_api"]["rest_api_id"]
            for problem in endpoint_problems(self.stage, rest_api_id, self.client("apigateway")):
                yield f"change  REST API: {problem}"

    def _chalice_deploy(self) -> None:
        worker_timeout = self._time_set_by_chalice
        policies = policy_documents(self.stage, caller_place(self.client))
        layer = self._published(self.user_packages)[0] if self.user_packages else None
        with chalice_project(
            self.stage, worker_timeout=worker_timeout, policies=policies, layer=layer
        ) as project:
            self.run_chalice(project, ("deploy", "--stage", self.stage.name))

    def _plan_settings(self) -> Iterator[str]:
        settings = self.stage.settings
        yield from planned_asking(self.stage, client=self.client)
        yield f"report  each failed message by itself: {', '.join(QUEUE_OF)}"
        yield f"allow   a chain of any length: {', '.join(LOOPING_HANDLERS)}"
        yield f"answer  in JSON what never reaches a function, for {settings.auth_backend}"
        yield (
            f"limit   each method of it to {settings.throttling_rate_limit} requests a second, "
            f"{settings.throttling_burst_limit} at once"
        )

    def _finish(self) -> None:
        refused = ask_for_more(self.stage.settings, client=self.client)
        if refused:
            self.tell(f"  {refused}")
        finish_deployment(self.stage.project, self.stage.name, client=self.client, sleep=self.sleep)

    def _plan_dag_files(self) -> Iterator[str]:
        yield f"sync    the DAG files in {self.stage.settings.dags_folder.relative_to(self.stage.project)}"

    def _sync(self) -> None:
        settings = self.stage.settings
        engine = self.engine()
        folder = dags_apart(
            settings.dags_folder,
            variables=engine.store.variables,
            connections=engine.store.connections,
            secrets=secrets_backend_of(settings),
        )
        report = sync_dags(engine, folder, paused_at_creation=settings.dags_are_paused_at_creation)
        self.tell(f"  {len(report.dag_ids)} DAGs: {', '.join(report.dag_ids) or 'none'}")

    def _plan_events(self) -> Iterator[str]:
        yield f"connect {len(self.declarations)} declarations of events"
        yield from map(_planned, check_events(self._sources, client=self.client))

    def _connect(self) -> None:
        check_dags(self.engine(), self.declarations)
        connected = connect_events(self._sources, client=self.client, sleep=self.sleep)
        self._tell_of(connected.made, connected.removed)

    def _plan_alarms(self) -> Iterator[str]:
        findings = check_alarms(self._resources_at_last, self.client("cloudwatch"), self.client("sns"))
        yield from map(_planned, findings)

    def _put_alarms(self) -> None:
        put = put_alarms(self._resources_at_last, self.client("cloudwatch"))
        self._tell_of(put.made, put.removed)

    @property
    def _resources_meanwhile(self) -> StageResources:
        """The resources before Chalice deploys: the worker's queue fits the time that stands, too."""
        standing = standing_worker_time(self.stage.name, client=self.client)
        return stage_resources(during_deployment(self.stage.settings, standing))

    @property
    def _resources_at_last(self) -> StageResources:
        """The resources with the worker's time that AWS gave, or is asked for."""
        return stage_resources(as_it_stands(self.stage, client=self.client).settings)

    @property
    def _digest(self) -> str | None:
        return None if self.user_packages is None else self.user_packages.digest

    @property
    def _log_groups(self) -> tuple[LogGroup, ...]:
        return log_groups(self.stage.settings)

    @property
    def _sources(self) -> EventSources:
        return event_sources(self.stage.settings, self.declarations)

    @property
    def _time_set_by_chalice(self) -> int:
        standing = standing_worker_time(self.stage.name, client=self.client)
        return set_by_chalice(self.stage.settings.worker_timeout, standing)

    def _tell_of(self, made: Iterable[str], removed: Iterable[str]) -> None:
        for name in made:
            self.tell(f"  new: {name}")
        for name in removed:
            self.tell(f"  removed: {name}")


def _planned_function(stage: Stage, handler: str, stands: bool, client: aws.ClientFactory) -> str:
    name = function_name(stage.name, handler)
    if not stands:
        return f"create  function {name}"
    problems = "; ".join(setting_problems(stage, handler, this_runtime(), client("lambda")))
    return f"update  function {name}{': ' if problems else ''}{problems}"


def _planned(finding: Finding) -> str:
    """What a deployment does about a finding."""
    if finding.missing:
        return f"create  {finding.subject}"
    if finding.ok:
        return f"keep    {finding.subject}"
    problems = "; ".join(finding.problems)
    if finding.remedy == DEPLOY_AGAIN:
        return f"change  {finding.subject}: {problems}"
    return f"leave   {finding.subject}: {problems}; {finding.remedy}"


def next_step(url: str, auth_backend: str) -> str:
    """What to do with the deployed API: a command to try, or how to let callers in."""
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
