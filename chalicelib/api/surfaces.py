"""``SURFACES``, the web APIs of the app, and their mounting in it behind the authorizer."""

import logging

from chalice.app import Chalice

from chalicelib.api.authorizer import authorizer
from chalicelib.api.authorizer import blueprint as authorizer_blueprint
from chalicelib.api.experimental.surface import EXPERIMENTAL
from chalicelib.api.http import routing
from chalicelib.api.http.surface import Surface
from chalicelib.auth.backends import is_open
from chalicelib.settings import Settings

SURFACES: tuple[Surface, ...] = (EXPERIMENTAL,)

_LOCAL_STAGE = "local"
"""The stage of the local server, which says by itself that it is open."""

logger = logging.getLogger(__name__)


def mount(app: Chalice, settings: Settings, surfaces: tuple[Surface, ...] = SURFACES) -> None:
    """Declare the routes of the surfaces in an app; raises ``SettingError`` for an unknown auth backend.

    The paths of a surface that is switched off are declared too, without an authorizer: they answer 404.
    """
    is_any_on = any(surface.is_on(settings) for surface in surfaces)
    if is_any_on and is_open(settings.auth_backend) and settings.stage != _LOCAL_STAGE:
        logger.warning(
            "AIRFLOW__API__AUTH_BACKEND is %s: the API of stage %s is open to everyone who can reach it",
            settings.auth_backend,
            settings.stage,
        )
    is_guarded = is_any_on and not is_open(settings.auth_backend)
    if is_guarded:
        app.register_blueprint(authorizer_blueprint)
    for surface in surfaces:
        guard = authorizer if is_guarded and surface.is_on(settings) else None
        app.register_blueprint(routing.blueprint(surface, guard), url_prefix=surface.prefix)
