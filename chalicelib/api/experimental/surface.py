"""The experimental API as a whole: which resources it has, where they are mounted, who guards them."""

import logging

from chalice.app import Chalice

from chalicelib.api.authorizer import authorizer
from chalicelib.api.authorizer import blueprint as authorizer_blueprint
from chalicelib.api.experimental import (
    dag_runs,
    dags,
    latest_runs,
    lineage,
    openapi,
    pools,
    service,
    task_instances,
    tasks,
)
from chalicelib.api.http import routing
from chalicelib.auth.backends import is_open
from chalicelib.settings import Settings

PREFIX = "/experimental"
"""Behind API Gateway's stage, ``api``: the paths are Airflow's own, ``/api/experimental/...``."""

LOCAL_STAGE = "local"
"""The stage of the local server, which says by itself that it is open."""

logger = logging.getLogger(__name__)

_RESOURCES = (service, openapi, dags, dag_runs, latest_runs, tasks, task_instances, pools, lineage)


def register(app: Chalice, settings: Settings) -> None:
    """Mount the API in an app; raises ``SettingError`` for an auth backend that is not served."""
    if settings.enable_experimental_api and is_open(settings.auth_backend) and settings.stage != LOCAL_STAGE:
        logger.warning(
            "AIRFLOW__API__AUTH_BACKEND is %s: the API of stage %s is open to everyone who can reach it",
            settings.auth_backend,
            settings.stage,
        )
    guarded = settings.enable_experimental_api and not is_open(settings.auth_backend)
    if guarded:
        app.register_blueprint(authorizer_blueprint)
    for resource in _RESOURCES:
        blueprint = routing.blueprint(resource.__name__, resource.PATHS, authorizer if guarded else None)
        app.register_blueprint(blueprint, url_prefix=PREFIX)
