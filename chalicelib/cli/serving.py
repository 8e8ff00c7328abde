"""The settings of the server that commands speak to, as the server says them; this process's may differ."""

import os
from pathlib import Path

from chalicelib.cli.airflow_cfg import JSON_CLIENT, Configuration
from chalicelib.cli.client.json_client import ApiRefused, JsonClient
from chalicelib.settings import SettingError, Settings

_LOCAL_STAGE = "local"
_NAMES = ("auth_backend", "bucket", "dags_folder")

_BY_CHALLENGE = {
    "basic": "airflow.api.auth.backend.basic_auth or airflow.contrib.auth.backends.password_auth",
    "negotiate": "airflow.api.auth.backend.kerberos_auth",
}
"""What can be told of a backend from outside, by the scheme that it asks for."""


def serving(configuration: Configuration, settings: Settings) -> dict[str, str]:
    """Auth backend, bucket and DAGs folder, by name; what cannot be known says ``unknown`` and why.

    Under the JSON client the auth backend is that of its endpoint, which is asked once, without
    credentials.
    """
    facts = _of_stage(settings.stage)
    if configuration.get("cli", "api_client") == JSON_CLIENT:
        facts["auth_backend"] = _of_endpoint(configuration.get("cli", "endpoint_url") or "")
    return facts


def _of_stage(stage: str) -> dict[str, str]:
    if stage != _LOCAL_STAGE:
        return _of_deployed(stage)
    if "AWS_ENDPOINT_URL" in os.environ:
        return _unknown("AWS_ENDPOINT_URL is set")
    from chalicelib.local.served import served_settings

    folder = Path(os.environ.get("UPDRAFT__LOCAL__STATE_DIR") or ".updraft")
    try:
        facts = served_settings(folder)
    except ValueError as error:
        return _unknown(str(error))
    return facts or _unknown(f"no local server runs on the state folder {folder}")


def _of_deployed(stage: str) -> dict[str, str]:
    from chalicelib import aws
    from chalicelib.deploy.deployed_functions import NotKnown, deployed_settings

    try:
        return deployed_settings(stage, aws.client)
    except NotKnown as error:
        return _unknown(f"stage {stage}: {error}")


def _of_endpoint(endpoint_url: str) -> str:
    try:
        status, challenge, is_ours = JsonClient(endpoint_url).ask_without_credentials()
    except (ApiRefused, SettingError) as error:
        return f"unknown ({error})"
    if status == 200 and is_ours:
        return "airflow.api.auth.backend.default"
    if status == 403 and is_ours:
        return "airflow.api.auth.backend.deny_all"
    scheme = challenge.partition(" ")[0].lower()
    if status == 401 and scheme in _BY_CHALLENGE:
        return _BY_CHALLENGE[scheme]
    return f"unknown (the endpoint answers {status} to a request without credentials)"


def _unknown(reason: str) -> dict[str, str]:
    return dict.fromkeys(_NAMES, f"unknown ({reason})")
