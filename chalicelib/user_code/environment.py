"""The environment of user code: the worker's own, without what opens AWS, the runtime or secrets to it."""

from collections.abc import Mapping

CREDENTIALS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONFIG_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
"""Where botocore looks for credentials, as far as the environment says so."""

_OF_THE_RUNTIME = frozenset({"AWS_LAMBDA_RUNTIME_API", "_LAMBDA_TELEMETRY_LOG_FD", "_HANDLER"})
"""Lambda's: a holder of the first could take invocations away from the worker."""

_OF_THE_ENGINE = frozenset(f"AIRFLOW__CORE__FERNET_KEY{how}" for how in ("", "_CMD", "_SECRET"))
"""What decrypts the secrets of all connections: a try asks for those that it needs."""

_SECRET = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)


def without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the credentials that the process itself works with."""
    left_out = CREDENTIALS | _OF_THE_RUNTIME | _OF_THE_ENGINE
    return {name: value for name, value in environ.items() if name not in left_out}


def with_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment with those credentials, for tasks that are to act as the worker does."""
    left_out = _OF_THE_RUNTIME | _OF_THE_ENGINE
    return {name: value for name, value in environ.items() if name not in left_out}


def without_the_engines(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the engine's key, for tasks that run in that of a command."""
    return {name: value for name, value in environ.items() if name not in _OF_THE_ENGINE}


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The credentials in an environment that must be in no log."""
    return tuple(environ[name] for name in _SECRET if environ.get(name))
