"""Deploying a stage: what must exist, ``chalice deploy``, and what has to follow it.

Every step may be repeated and broken off at any point, so a deployment that did not get to its end is
mended by doing it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib import aws
from chalicelib.deploy.caller import caller_place
from chalicelib.deploy.chalice_program import RunChalice, run_chalice
from chalicelib.deploy.checks.resources import check_resources
from chalicelib.deploy.deployed import read_deployed
from chalicelib.deploy.description.event_sources import event_sources
from chalicelib.deploy.description.resources import stage_resources
from chalicelib.deploy.findings import Finding
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.policies import write_policies
from chalicelib.deploy.provisioning.alarms import put_alarms
from chalicelib.deploy.provisioning.bucket import bucket_exists
from chalicelib.deploy.provisioning.connect_events import connect_events
from chalicelib.deploy.provisioning.create import configure, create_missing
from chalicelib.deploy.provisioning.finish import finish_deployment
from chalicelib.deploy.stages import Stage
from chalicelib.deploy.standing import function_name, handlers_behind, refuse_stack, restore_record, standing
from chalicelib.deploy.steps import Step, Tell
from chalicelib.engine.core import Engine
from chalicelib.engine.sync import sync_dags
from chalicelib.events.declarations import Declaration
from chalicelib.events.delivery import check_dags

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

    def steps(self) -> tuple[Step, ...]:
        """What there is to do, in order."""
        return (
            Step(name="Tables, queues and bucket", do=self._create, advice=_REPEAT),
            Step(name="Alarms", do=self._put_alarms, advice=_REPEAT),
            Step(name="What Chalice has deployed before", do=self._restore_record, advice=_REPEAT),
            Step(name="Package", do=self._package, advice=_REPEAT),
            Step(name="Functions and REST API", do=self._chalice_deploy, advice=_REPEAT),
            Step(name="What Chalice has no setting for", do=self._finish, advice=_REPEAT),
            Step(name="DAG files", do=self._sync, advice=_REPEAT),
            Step(name="Sources of events", do=self._connect, advice=_REPEAT),
        )

    @property
    def url(self) -> str:
        """Where the API answers once all is done, without a slash at the end."""
        return f"{read_deployed(self.stage.project, self.stage.name).url}experimental"

    def _create(self) -> None:
        resources, place = stage_resources(self.stage.settings), caller_place(self.client)
        for name in create_missing(resources, owner=place.account, client=self.client):
            self.tell(f"  new: {name}")
        configure(resources, place=place, client=self.client)

    def _put_alarms(self) -> None:
        for name in put_alarms(stage_resources(self.stage.settings), self.client("cloudwatch")):
            self.tell(f"  new: {name}")

    def _restore_record(self) -> None:
        restore_record(self.stage.project, self.stage.name, client=self.client)

    def _package(self) -> None:
        with TemporaryDirectory() as directory:
            package = build_package(self.stage.project, self.stage.name, Path(directory), self.run_chalice)
            self.tell(f"  {package.stat().st_size / 1e6:.1f} MB")

    def _chalice_deploy(self) -> None:
        write_policies(self.stage, caller_place(self.client))
        self.run_chalice(self.stage.project, ("deploy", "--stage", self.stage.name))

    def _finish(self) -> None:
        finish_deployment(self.stage.project, self.stage.name, client=self.client)

    def _sync(self) -> None:
        settings = self.stage.settings
        report = sync_dags(
            self.engine(), settings.dags_folder, paused_at_creation=settings.dags_are_paused_at_creation
        )
        self.tell(f"  {len(report.dag_ids)} DAGs: {', '.join(report.dag_ids) or 'none'}")

    def _connect(self) -> None:
        check_dags(self.engine(), self.declarations)
        sources = event_sources(self.stage.settings, self.declarations)
        connected = connect_events(sources, client=self.client)
        for name in connected.made:
            self.tell(f"  new: {name}")
        for name in connected.removed:
            self.tell(f"  removed: {name}")


def plan_deployment(
    stage: Stage, declarations: tuple[Declaration, ...], *, client: aws.ClientFactory = aws.client
) -> Iterable[str]:
    """What a deployment would do, a line each; asks AWS and changes nothing.

    Raises ``StageError`` for a stage that is a CloudFormation stack, and ``BucketNameTaken``.
    """
    refuse_stack(stage.name, client=client)
    resources, place = stage_resources(stage.settings), caller_place(client)
    bucket_exists(resources.bucket, client("s3"), place.account)
    for finding in check_resources(resources, place=place, client=client):
        yield _planned(finding)
    entries = {entry["name"] for entry in standing(stage.name, client=client)}
    for handler in handlers_behind(stage.settings.auth_backend):
        verb = "update" if handler in entries else "create"
        yield f"{verb}  function {function_name(stage.name, handler)}"
    settings = stage.settings
    yield f"{'update' if 'rest_api' in entries else 'create'}  REST API, for {settings.auth_backend}"
    yield (
        f"limit   each method of it to {settings.throttling_rate_limit} requests a second, "
        f"{settings.throttling_burst_limit} at once"
    )
    yield f"sync    the DAG files in {stage.settings.dags_folder.relative_to(stage.project)}"
    yield f"connect {len(declarations)} declarations of events"


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
