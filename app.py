"""Updraft's Chalice app: its web APIs, and the handlers of queues and clock."""

import os
import sys

from chalice.app import Chalice

from chalicelib import bootstrap, handlers
from chalicelib.api.surfaces import mount
from chalicelib.settings import APP_NAME, SettingError

app = Chalice(app_name=APP_NAME, configure_logs=False)  # `telemetry` does
app.register_blueprint(handlers.blueprint)
try:
    mount(app, bootstrap.settings())
except SettingError as error:
    if "AWS_CHALICE_CLI_MODE" not in os.environ:
        raise
    sys.exit(str(error))  # `chalice deploy` would bury the line that counts under a traceback
