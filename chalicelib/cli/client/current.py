"""The choice of Airflow's API client that a command uses, by ``[cli] api_client``."""

from chalicelib.cli.airflow_cfg import JSON_CLIENT, LOCAL_CLIENT, Configuration
from chalicelib.cli.client.local_client import LocalClient
from chalicelib.cli.client.protocol import Client
from chalicelib.cli.engine import connect
from chalicelib.settings import SettingError


def current_client() -> Client:
    """The client that ``[cli] api_client`` names; raises ``SettingError`` for one that is not known."""
    configuration = Configuration.read()
    name = configuration.get("cli", "api_client")
    if name == LOCAL_CLIENT:
        return LocalClient(connect())
    if name == JSON_CLIENT:
        from chalicelib.cli.client.json_client import JsonClient

        endpoint_url = configuration.get("cli", "endpoint_url") or ""
        return JsonClient(endpoint_url, kerberos=_has_kerberos(configuration))
    raise SettingError(f"[cli] api_client is {name!r}; it takes {LOCAL_CLIENT} or {JSON_CLIENT}")


def _has_kerberos(configuration: Configuration) -> bool:
    """Whether requests carry tickets: by 1.10's ``[api] auth_backend``, or one of 2.x's ``auth_backends``."""
    single, several = (configuration.get("api", option) for option in ("auth_backend", "auth_backends"))
    backends = ",".join(filter(None, (single, several))).split(",")
    return any(backend.strip().endswith(".kerberos_auth") for backend in backends)
