"""The composition root: what an engine is made of in a Lambda, made once per process.

Handlers and views ask here for what they need when they are called; tests say with ``use`` what they
are to get instead. Nothing heavy is imported before it is asked for.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.settings import WORKERS_ROLE, Settings
from chalicelib.telemetry.log_lines import on_lambda

if TYPE_CHECKING:
    from chalicelib.auth.origins import OriginCheck
    from chalicelib.auth.verdicts import Origin, Scheme, Throttled, Verdict, Verify
    from chalicelib.domain.connections import ConnectionsOfDagFiles
    from chalicelib.domain.secrets_backends import SecretsBackend
    from chalicelib.engine.engine import Engine
    from chalicelib.engine.ports.store import Store
    from chalicelib.engine.ports.worker import AskTimetable, RunCallbacks, RunTry, RunWindow
    from chalicelib.events.declarations import Declaration
    from chalicelib.queues.dead_letters import DeadLetters
    from chalicelib.queues.resend import Resend
    from chalicelib.store.role_credentials import RoleCredentials


@dataclass(frozen=True, kw_only=True, slots=True)
class _InUse:
    engine: "Engine | None" = None
    settings: Settings | None = None
    run_try: "RunTry | None" = None
    run_callbacks: "RunCallbacks | None" = None
    run_window: "RunWindow | None" = None
    ask_timetable: "AskTimetable | None" = None
    verifiers: "dict[Scheme, Verify]" = field(default_factory=dict)
    """One of each kind, for they remember what they saw; filled as they are asked for."""
    origin_checks: "list[OriginCheck]" = field(default_factory=list)
    """Likewise; one, once it was asked for."""
    declarations: "tuple[Declaration, ...] | None" = None
    dead_letters: "DeadLetters | None" = None
    resend: "Resend | None" = None
    by_a_person: bool = False


_in_use = _InUse()


def settings() -> Settings:
    """The settings of this process; raises ``SettingError``."""
    return _in_use.settings or _settings_of_environment()


def engine() -> "Engine":
    """The engine over DynamoDB and SQS."""
    return _in_use.engine or _engine_on_aws()


def run_try() -> "RunTry":
    """What runs user code for the worker: the deployed DAG files."""
    return _in_use.run_try or _run_try_of_deployed_dags()


def run_callbacks() -> "RunCallbacks":
    """What calls the user's callbacks for the worker: the deployed DAG files."""
    return _in_use.run_callbacks or _run_callbacks_of_deployed_dags()


def run_window() -> "RunWindow":
    """What runs triggers for the worker: the deployed DAG files."""
    return _in_use.run_window or _run_window_of_deployed_dags()


def ask_timetable() -> "AskTimetable":
    """What asks the user's own timetables for the worker: the deployed DAG files."""
    return _in_use.ask_timetable or _ask_timetable_of_deployed_dags()


def prepare_user_code() -> None:
    """Start what user code's processes are forked from, ahead of the first of them."""
    if _in_use.run_try is None and _in_use.run_callbacks is None:
        from chalicelib.domain.errors import UpdraftError
        from chalicelib.user_code.fork_server_client import fork_server

        with suppress(UpdraftError):  # without its credentials the try itself says so
            fork_server(environment_of_tries())


def environment_of_tries() -> dict[str, str]:
    """What environment user code gets: this process's, with the credentials that the settings give to tasks.

    Raises ``CredentialsRefused``, where they are those of a role, which are asked for. 1 request an hour.
    """
    from chalicelib.user_code.environment import with_credentials, without_credentials

    role = settings().task_role
    if role == WORKERS_ROLE:
        return with_credentials(os.environ)
    return without_credentials(os.environ) | (_role_credentials().environ() if role else {})


def verify(scheme: "Scheme", authorization: str) -> "Verdict":
    """What the auth backend makes of an ``Authorization`` header that is not empty.

    Raises ``StoreUnavailable``.
    """
    verifiers = _in_use.verifiers
    if scheme not in verifiers:
        make = _kerberos_verifier if scheme == "kerberos" else _password_verifier
        verifiers.setdefault(scheme, make(_store(), settings()))
    return verifiers[scheme](authorization)


def check_origin(username: str, origin: "Origin", source_ip: str) -> "Throttled | None":
    """Whether a caller whose password is right has to wait, because of where the request comes from.

    Raises ``StoreUnavailable``.
    """
    checks = _in_use.origin_checks
    if not checks:
        checks.append(_origin_check(_store(), settings()))
    return checks[0](username, origin, source_ip)


def declarations() -> "tuple[Declaration, ...]":
    """Which event triggers which DAG, as the file says now; raises ``DeclarationError``."""
    if _in_use.declarations is not None:
        return _in_use.declarations
    from chalicelib.events.declarations import declarations_of

    return declarations_of(settings())


def dead_letters() -> "DeadLetters":
    """Where events go that trigger nothing, with the reason."""
    return _in_use.dead_letters or _dead_letters_on_aws()


def resend() -> "Resend":
    """What sends a message to its queue again."""
    if _in_use.resend is not None:
        return _in_use.resend
    from chalicelib.queues.resend import resend as by_sqs

    return by_sqs


@contextmanager
def use(
    *,
    engine: "Engine | None" = None,
    settings: Settings | None = None,
    run_try: "RunTry | None" = None,
    run_callbacks: "RunCallbacks | None" = None,
    run_window: "RunWindow | None" = None,
    ask_timetable: "AskTimetable | None" = None,
    declarations: "tuple[Declaration, ...] | None" = None,
    dead_letters: "DeadLetters | None" = None,
    resend: "Resend | None" = None,
    by_a_person: bool = False,
) -> Iterator[None]:
    """Put other parts in place of the usual ones, in the whole process, until the block ends.

    ``by_a_person``: with credentials that may allow more than a function's, see ``DynamoStore``.
    """
    global _in_use
    before = _in_use
    _in_use = _InUse(
        engine=engine or before.engine,
        settings=settings or before.settings,
        run_try=run_try or before.run_try,
        run_callbacks=run_callbacks or before.run_callbacks,
        run_window=run_window or before.run_window,
        ask_timetable=ask_timetable or before.ask_timetable,
        declarations=before.declarations if declarations is None else declarations,
        dead_letters=dead_letters or before.dead_letters,
        resend=resend or before.resend,
        by_a_person=by_a_person or before.by_a_person,
    )
    try:
        yield
    finally:
        _in_use = before


@cache
def _settings_of_environment() -> Settings:
    return Settings.from_environ()


def _store() -> "Store":
    return _in_use.engine.store if _in_use.engine else _store_on_aws()


@cache
def _store_on_aws() -> "Store":
    from chalicelib.store.dynamodb import DynamoStore

    # The local server's AWS has no other account whose bucket it could be.
    return DynamoStore(settings(), by_a_person=_in_use.by_a_person and settings().stage != "local")


def keytab() -> bytes:
    """The keytab of the service, wherever it is; raises ``SettingError``."""
    from chalicelib.store.keytabs import read_keytab

    return read_keytab(settings().keytab)


def secrets_backend() -> "SecretsBackend | None":
    """The secrets backend that the settings name, if any."""
    if not settings().secrets_backend:
        return None
    from chalicelib.store.secrets_backends import secrets_backend_of

    return secrets_backend_of(settings())


def _kerberos_verifier(store: "Store", _settings: Settings) -> "Verify":
    from chalicelib.auth.kerberos.verifier import KerberosVerifier

    return KerberosVerifier(read_keytab=keytab, replays=store.replays, now=_now)


def _password_verifier(store: "Store", settings: Settings) -> "Verify":
    from chalicelib.auth.password import PasswordVerifier

    return PasswordVerifier(
        users=store.users,
        read_key=store.proof_key.read,
        cost=settings.bcrypt_cost,
        seconds_remembered=settings.auth_cache_seconds,
        now=_now,
    )


def _origin_check(store: "Store", settings: Settings) -> "OriginCheck":
    from chalicelib.auth.origins import OriginCheck

    return OriginCheck(users=store.users, seconds_remembered=settings.auth_cache_seconds, now=_now)


def _now() -> datetime:
    return datetime.now(UTC)


@cache
def _engine_on_aws() -> "Engine":
    from ulid import ULID

    from chalicelib.engine.engine import Engine, unobserved
    from chalicelib.queues.sqs import SqsSender
    from chalicelib.telemetry.metrics import EmbeddedMetrics

    return Engine(
        store=_store_on_aws(),
        sender=SqsSender(settings()),
        now=_now,
        new_uid=lambda: str(ULID()),
        allowed_run_id_pattern=settings().allowed_run_id_pattern,
        dags_are_paused_at_creation=settings().dags_are_paused_at_creation,
        observe=EmbeddedMetrics(settings().stage) if on_lambda(os.environ) else unobserved,
    )


@cache
def _role_credentials() -> "RoleCredentials":
    from chalicelib.store.role_credentials import RoleCredentials

    return RoleCredentials(settings().task_role, session_name=settings().resource("tasks"), now=_now)


def _run_try_of_deployed_dags() -> "RunTry":
    from chalicelib.user_code.runner import run_try as of_deployed_dags

    return of_deployed_dags(
        settings().dags_folder,
        engine().store.variables,
        environment_of_tries,
        connections=_remembered_connections(),
        secrets=_remembered_secrets(),
    )


def _run_callbacks_of_deployed_dags() -> "RunCallbacks":
    from chalicelib.user_code.runner import run_callbacks as of_deployed_dags

    return of_deployed_dags(
        settings().dags_folder,
        engine().store.variables,
        environment_of_tries,
        connections=_remembered_connections(),
        secrets=_remembered_secrets(),
    )


def _ask_timetable_of_deployed_dags() -> "AskTimetable":
    from chalicelib.user_code.runner import ask_timetable as of_deployed_dags

    return of_deployed_dags(
        settings().dags_folder,
        engine().store.variables,
        environment_of_tries,
        connections=_remembered_connections(),
        secrets=_remembered_secrets(),
    )


@cache
def _remembered_connections() -> "ConnectionsOfDagFiles":
    from chalicelib.store.remembered_secrets import RememberedConnections

    return RememberedConnections(lambda: engine().store.connections, time.time)


@cache
def _remembered_secrets() -> "SecretsBackend | None":
    from chalicelib.store.remembered_secrets import RememberedSecrets

    backend = secrets_backend()
    return backend and RememberedSecrets(backend, time.time)


def _run_window_of_deployed_dags() -> "RunWindow":
    from chalicelib.user_code.runner import run_window as of_deployed_dags

    return of_deployed_dags(
        settings().dags_folder,
        engine().store.variables,
        environment_of_tries,
        connections=_remembered_connections(),
        secrets=_remembered_secrets(),
    )


@cache
def _dead_letters_on_aws() -> "DeadLetters":
    from chalicelib.queues.dead_letters import SqsDeadLetters

    return SqsDeadLetters(settings().resource("events-dead-letters"))
