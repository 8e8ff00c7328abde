"""Updraft's Chalice app: the experimental API and the handlers of queues and clock."""

from chalice.app import Chalice

from chalicelib import bootstrap, handlers
from chalicelib.api import experimental
from chalicelib.settings import APP_NAME

app = Chalice(app_name=APP_NAME)
app.register_blueprint(handlers.blueprint)
experimental.register(app, bootstrap.settings())
