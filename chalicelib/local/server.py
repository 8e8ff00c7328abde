"""The local server, ``make run``: its parts are started, watched over and stopped in order."""

import logging
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

from chalicelib.deploy.description.functions import (
    EVENTS,
    FEEDS,
    FUNCTIONS,
    SCHEDULER,
    TICK,
    TRIGGERER,
    WORKER,
)
from chalicelib.domain.errors import StorageFull
from chalicelib.events.declarations import Declaration, DeclarationError, declarations_of
from chalicelib.local.admission import GuardedGateway
from chalicelib.local.clock import Clock
from chalicelib.local.dag_folder import DagFiles
from chalicelib.local.emulator import Emulator, EmulatorFailed, aws_environment
from chalicelib.local.fernet_key import VARIABLE, kept_fernet_key
from chalicelib.local.function_pool import Function, FunctionFailed, FunctionPool, InvocationError, PoolClosed
from chalicelib.local.gateway import Refusal, StageGateway
from chalicelib.local.http_server import GatewayServer
from chalicelib.local.lifeline import Lifeline
from chalicelib.local.queue_pump import LARGEST_BATCH, OnCrash, Queue, QueuePump
from chalicelib.local.requirements import Requirements
from chalicelib.local.served import publish_served
from chalicelib.local.state_folder import Endpoint, StateFolder, StateFolderUnusable
from chalicelib.local.terminal import log_to_terminal
from chalicelib.settings import SettingError, Settings
from chalicelib.user_packages.errors import UserPackagesError

HOST = "127.0.0.1"
_GRACE_FOR_REQUESTS_SECONDS = 2.0
_FINISH_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.5
_OTHERS_AT_ONCE = 2
"""Invocations of the scheduler at once, and of the function of events; a stage sets its own."""
_LOADING_SECONDS = 900
"""What all DAG files together may take to load: each has a limit of its own."""
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_OPEN = "airflow.api.auth.backend.default"

logger = logging.getLogger(__name__)


class StartFailed(Exception):
    """The server cannot start; the text is the one line that says why."""


_TOLD_IN_ONE_LINE = (
    StartFailed,
    StateFolderUnusable,
    EmulatorFailed,
    SettingError,
    InvocationError,
    UserPackagesError,
)
"""Errors that keep the server from starting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSettings:
    """What can be set about the local server from outside (beside what ``Settings`` reads)."""

    port: int
    state_dir: Path
    max_workers: int
    stop_seconds: int
    """How long a stop waits for running tasks."""
    worker_timeout: int
    """Seconds that a try of a task may take, as on a deployed stage."""
    allowed_hosts: frozenset[str] = frozenset()
    """Names that the server answers to, beside those of this machine; in small letters."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "LocalSettings":
        """Read ``PORT`` and ``UPDRAFT__LOCAL__*``; raises SettingError that names the variable."""
        return cls(
            port=_whole_number(environ, "PORT", 8000, 0, 65535),
            state_dir=Path(environ.get("UPDRAFT__LOCAL__STATE_DIR") or ".updraft"),
            max_workers=_whole_number(environ, "UPDRAFT__LOCAL__MAX_WORKERS", 16, 1, 1000),
            stop_seconds=_whole_number(environ, "UPDRAFT__LOCAL__STOP_SECONDS", 5, 0, 900),
            worker_timeout=Settings.from_environ(environ).worker_timeout,
            allowed_hosts=_host_names(environ, "UPDRAFT__LOCAL__ALLOWED_HOSTS"),
        )


def _called_on_aws(handler: str) -> str:
    """What Lambda calls, as ``module:attribute``."""
    module, _, attribute = FUNCTIONS[handler].calls.rpartition(".")
    return f"{module}:{attribute}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """The app that the local server runs, and the few steps that only this mode takes.

    Handlers are ``module:attribute``, imported in child processes. The callables run in the server's process.
    """

    chalice_app: Callable[[], Any]
    """Gives the app behind the HTTP server."""
    create: Callable[[], None]
    """Makes the tables, queues and bucket that are missing."""
    resume: Callable[[], None]
    """Lets the unfinished runs of an earlier life go on."""
    on_crash: OnCrash
    """Tells the engine that a worker died."""
    refusals: Callable[[], Mapping[str, Refusal]]
    """Gives the answers of API Gateway itself, by their kinds; raises ``SettingError``."""
    try_next: Callable[[str, tuple[str, ...]], str]
    """Gives the command that the ready line proposes, for (base URL, DAG ids)."""
    worker: str = "chalicelib.local.application:worker"
    triggerer: str = "chalicelib.local.application:triggerer"
    scheduler: str = _called_on_aws(SCHEDULER)
    events: str = _called_on_aws(EVENTS)
    tick: str = _called_on_aws(TICK)
    sync: str = "chalicelib.local.application:sync"
    """Loads the DAG files (see ``DagFiles``)."""
    preload: tuple[str, ...] = ("app", "chalicelib.local.warm_start")
    """Modules that are imported before the children are forked."""


@dataclass(slots=True)
class _Functions:
    worker: Function
    triggerer: Function
    scheduler: Function
    events: Function
    tick: Function
    sync: Function

    @classmethod
    def of(cls, application: Application, settings: LocalSettings) -> "_Functions":
        def as_on_aws(handler: str, calls: str, concurrency: int = 1) -> Function:
            described = FUNCTIONS[handler]
            return Function(
                name=handler,
                handler=calls,
                timeout=described.timeout(settings.worker_timeout),
                memory=described.memory_mb,
                concurrency=concurrency,
            )

        return cls(
            worker=as_on_aws(WORKER, application.worker, settings.max_workers),
            triggerer=as_on_aws(TRIGGERER, application.triggerer, _OTHERS_AT_ONCE),
            scheduler=as_on_aws(SCHEDULER, application.scheduler, _OTHERS_AT_ONCE),
            events=as_on_aws(EVENTS, application.events, _OTHERS_AT_ONCE),
            tick=as_on_aws(TICK, application.tick),
            sync=Function(name="sync", handler=application.sync, timeout=_LOADING_SECONDS, reused=False),
        )


class LocalServer:
    """The parts of the server; ``start`` and then ``stop`` are called once, from the same thread.

    Whatever ``start`` got to when it failed, ``stop`` ends. With ``is_hurried`` it does not wait for
    running tasks.
    """

    def __init__(self, settings: LocalSettings, application: Application) -> None:
        self.is_hurried = False
        self.base_url = ""
        self._settings = settings
        self._application = application
        self._functions = _Functions.of(application, settings)
        self._lifeline = Lifeline()
        self._pool = FunctionPool(self._lifeline, preload=application.preload)
        self._pumps: list[QueuePump] = []
        self._emulator: Emulator | None = None
        self._requirements: Requirements | None = None
        self._stops = ExitStack()  # run in reverse: what was started last is stopped first

    def start(self) -> tuple[str, ...]:
        """Start everything; gives the ids of the DAGs. Raises what says in one line why it cannot."""
        http = self._bind()
        self._start_emulator()
        settings = Settings.from_environ()
        declarations = _declarations(settings)
        refusals = self._application.refusals()  # raises for an unknown auth backend: before any child does
        self._install_user_packages(settings)
        self._stops.callback(self._finish_pumps)
        self._pool.start()
        self._stops.callback(lambda: self._pool.close(self._settings.stop_seconds, lambda: self.is_hurried))
        app = self._application.chalice_app()
        self._application.create()
        dag_ids = self._load_dag_files(settings)
        _check_declarations(declarations, dag_ids)
        self._application.resume()
        self._start_pumps(settings)
        self._start_clock()
        http.start(GuardedGateway(StageGateway(app, refusals), self._settings.allowed_hosts))
        self._stops.callback(http.stop, _GRACE_FOR_REQUESTS_SECONDS)
        return dag_ids

    def stop(self) -> None:
        """End requests, then the intake of messages, then tasks after a few seconds, last the emulator."""
        self._stops.close()

    def look_at_requirements(self) -> None:
        """Say if the user packages are no longer those that ``requirements.txt`` asks for."""
        if self._requirements is not None:
            self._requirements.look()

    def has_lost_its_backend(self) -> bool:
        """Whether the embedded AWS went away by itself."""
        return self._emulator is not None and not self._emulator.is_running

    def _bind(self) -> GatewayServer:
        port = self._settings.port
        try:
            http = GatewayServer((HOST, port))
        except OSError as error:
            raise StartFailed(
                f"Port {port} cannot be used: {os.strerror(error.errno or 0)}. Set PORT to another one."
            ) from error
        self._stops.callback(http.stop, 0.0)
        self.base_url = f"http://{HOST}:{http.server_address[1]}"
        return http

    def _start_emulator(self) -> None:
        self._stops.callback(self._lifeline.cut)
        folder = StateFolder(self._settings.state_dir)
        self._stops.callback(folder.release)
        emulator = Emulator(folder.path, self._lifeline, keep_open=(folder.lock_fd,))
        emulator.start()
        self._emulator = emulator
        self._stops.callback(emulator.stop)
        prepare_environment(os.environ, emulator.endpoint)
        os.environ[VARIABLE] = kept_fernet_key(folder.path, os.environ.get(VARIABLE, ""))
        emulator.wait_until_ready()
        publish_served(folder.path, Settings.from_environ())
        folder.publish_endpoint(emulator.endpoint)

    def _install_user_packages(self, settings: Settings) -> None:
        """Before any child starts: they find the packages by the environment."""
        requirements = Requirements(settings.dags_folder.absolute(), click.echo)
        requirements.install()
        self._requirements = requirements

    def _load_dag_files(self, settings: Settings) -> tuple[str, ...]:
        if not settings.dags_folder.is_dir():
            raise StartFailed(
                f"There is no DAGs folder {settings.dags_folder}. Set AIRFLOW__CORE__DAGS_FOLDER to one."
            )
        files = DagFiles(settings.dags_folder.absolute(), self._pool, self._functions.sync, click.echo)
        try:
            dag_ids = files.load().dag_ids
        except InvocationError as error:
            raise StartFailed(f"The DAG files could not be loaded: {error}") from error
        files.start_watching()
        self._stops.callback(files.stop)
        return dag_ids

    def _start_pumps(self, settings: Settings) -> None:
        from chalicelib import aws

        sqs = aws.client("sqs")
        for function, on_crash in (
            (self._functions.scheduler, None),
            (self._functions.worker, self._application.on_crash),
            (self._functions.triggerer, None),
            (self._functions.events, None),
        ):
            feed = FEEDS[function.name]
            source = _queue(
                sqs, settings.resource(feed.queue), batch_size=min(feed.batch_size, LARGEST_BATCH)
            )
            self._pool.warm(function, 1)
            pump = QueuePump(sqs=sqs, source=source, pool=self._pool, function=function, on_crash=on_crash)
            pump.start()
            self._pumps.append(pump)
            self._stops.callback(pump.stop)

    def _finish_pumps(self) -> None:
        deadline = time.monotonic() + _FINISH_SECONDS
        for pump in self._pumps:
            pump.finish(deadline)

    def _start_clock(self) -> None:
        clock = Clock(self._tick)
        clock.start()
        self._stops.callback(clock.stop)

    def _tick(self, event: dict[str, Any]) -> None:
        try:
            self._pool.invoke(self._functions.tick, event)
        except PoolClosed:
            return
        except FunctionFailed as failure:
            if failure.error_type == StorageFull.__name__:
                return  # the embedded AWS has said so; the next tick finds what this one left
            logger.warning("tick raised %s\n%s", failure, failure.stack)
        except InvocationError as trouble:
            logger.warning("tick: %s", trouble)


class _StopSignal:
    """SIGINT and SIGTERM: the first asks to stop, a second Ctrl-C asks not to wait for running tasks.

    The handlers only write to a pipe and set flags: they run between any two steps of the main thread,
    which may hold any lock of ``threading``.
    """

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._starting = True
        self._asked = False
        self._pipe = os.pipe()
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def started(self) -> None:
        """From here on a signal no longer interrupts what the main thread does."""
        self._starting = False

    def wait(self, seconds: float) -> bool:
        """Whether a stop is asked for, now or within ``seconds``."""
        return bool(select.select([self._pipe[0]], [], [], seconds)[0])

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            # a second SIGTERM may be make's, which passes on what it gets
            self._server.is_hurried = self._server.is_hurried or number == signal.SIGINT
            return
        self._asked = True
        os.write(self._pipe[1], b"!")
        if self._starting:
            raise KeyboardInterrupt


def run(application: Application, environ: MutableMapping[str, str] = os.environ) -> int:
    """Run the server until SIGINT or SIGTERM; gives the exit code. What goes wrong is one line on stderr."""
    log_to_terminal(environ)
    is_open = _default_to_open(environ)
    try:
        server = LocalServer(LocalSettings.from_environ(environ), application)
    except SettingError as error:
        return _fail(error)
    stop = _StopSignal(server)
    try:
        dag_ids = server.start()
        stop.started()
        if is_open:
            click.echo("AIRFLOW__API__AUTH_BACKEND is not set: the API is open to everyone on this machine.")
        proposal = application.try_next(server.base_url, dag_ids)
        click.echo(f"Updraft is ready on {server.base_url}. Try: {proposal}")
        sys.stdout.flush()
        return _watch_over(server, stop)
    except KeyboardInterrupt:
        return 0
    except _TOLD_IN_ONE_LINE as error:
        return _fail(error)
    finally:
        stop.started()
        server.stop()


def prepare_environment(environ: MutableMapping[str, str], endpoint: Endpoint) -> None:
    """Point everything that runs here to the embedded AWS, and at nothing of the user's own account."""
    for name in [name for name in environ if name.startswith("AWS_")]:
        del environ[name]
    environ.update(aws_environment(endpoint))
    environ["UPDRAFT__AWS__STAGE"] = "local"
    environ.pop("UPDRAFT__AWS__BUCKET", None)
    if environ.get("AIRFLOW__CORE__DAGS_FOLDER"):
        # relative to where the server was started, for its children too, which run in the project's folder
        environ["AIRFLOW__CORE__DAGS_FOLDER"] = os.path.abspath(environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if environ.get("UPDRAFT__EVENTS__FILE"):
        environ["UPDRAFT__EVENTS__FILE"] = os.path.abspath(environ["UPDRAFT__EVENTS__FILE"])
    for name in ("NO_PROXY", "no_proxy"):
        environ[name] = ",".join(filter(None, (environ.get(name), HOST)))


def _default_to_open(environ: MutableMapping[str, str]) -> bool:
    """Serve everyone unless an auth backend is chosen; whether none is."""
    if environ.get("AIRFLOW__API__AUTH_BACKEND") or environ.get("AIRFLOW__API__AUTH_BACKENDS"):
        return False
    environ["AIRFLOW__API__AUTH_BACKEND"] = _OPEN
    return True


def _watch_over(server: LocalServer, stop: _StopSignal) -> int:
    """Wait for the end; gives the exit code."""
    parent = os.getppid()
    # under make a killed parent means a killed make; a shell in the background may well have ended
    ends_with_parent = "MAKELEVEL" in os.environ
    while not stop.wait(_LOOK_EVERY_SECONDS):
        if server.has_lost_its_backend():
            server.is_hurried = True
            return _fail("The embedded AWS ended unexpectedly; start again to go on where it was.")
        if ends_with_parent and os.getppid() != parent:
            return 0
        server.look_at_requirements()
    click.echo("Stopping. (Ctrl-C again: do not wait for running tasks.)")
    return 0


def _declarations(settings: Settings) -> tuple[Declaration, ...]:
    try:
        return declarations_of(settings)
    except DeclarationError as error:
        raise StartFailed(str(error)) from error


def _check_declarations(declarations: tuple[Declaration, ...], dag_ids: tuple[str, ...]) -> None:
    """Tell of entries whose events will be put aside: its file may be broken now, or come later."""
    for declaration in declarations:
        if declaration.dag_id is not None and declaration.dag_id not in dag_ids:
            click.echo(f"{declaration.label}: no DAG file defines this DAG.")


def _queue(sqs: Any, name: str, batch_size: int) -> Queue:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return Queue(url=url, arn=attributes["QueueArn"], batch_size=batch_size)


def _whole_number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise SettingError(f"{name} is {text!r}; it takes a whole number from {least} to {most}")
    return int(text)


def _host_names(environ: Mapping[str, str], name: str) -> frozenset[str]:
    texts = [text.strip().lower() for text in environ.get(name, "").split(",")]
    for text in filter(None, texts):
        if not _HOST_NAME.fullmatch(text):
            raise SettingError(
                f"{name} has {text!r}; it takes host names without a port, separated by commas"
            )
    return frozenset(filter(None, texts))


def _fail(problem: Exception | str) -> int:
    click.echo(" ".join(str(problem).split()), err=True)
    return 1
