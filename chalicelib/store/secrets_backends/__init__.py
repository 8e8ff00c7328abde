"""The secrets backends of ``[secrets] backend``: AWS Secrets Manager, Parameter Store, and local files.

Names, ``backend_kwargs`` and lookups are those of Airflow's classes. A change violates this package when a
secret gets into a log, or when a lookup asks AWS for what a pattern or a prefix of null rules out.
"""

import json

from chalicelib.domain.secrets_backends import SecretsBackend
from chalicelib.settings import LOCAL_FILES, SECRETS_MANAGER, Settings


def secrets_backend_of(settings: Settings) -> SecretsBackend | None:
    """The backend that the settings name, with their ``backend_kwargs``; None where they name none."""
    if not settings.secrets_backend:
        return None
    kwargs = json.loads(settings.secrets_backend_kwargs)
    if settings.secrets_backend == LOCAL_FILES:
        from chalicelib.store.secrets_backends.local_filesystem import LocalFilesystemBackend

        return LocalFilesystemBackend(**kwargs)
    from chalicelib.store.secrets_backends.aws import parameter_store_backend, secrets_manager_backend

    if settings.secrets_backend == SECRETS_MANAGER:
        return secrets_manager_backend(kwargs)
    return parameter_store_backend(kwargs)
