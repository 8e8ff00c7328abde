"""Which deployment a command speaks to."""

import os
from pathlib import Path

import click

from chalicelib.settings import Settings


def reach_local_server() -> None:
    """On the stage ``local``: speak to the embedded AWS of the running local server.

    Raises ``click.ClickException`` when none runs. Another stage, or an ``AWS_ENDPOINT_URL`` of the
    user's own, is left as it is.
    """
    if Settings.from_environ().stage != "local" or "AWS_ENDPOINT_URL" in os.environ:
        return
    from chalicelib.local.server import prepare_environment
    from chalicelib.local.state_folder import published_endpoint

    state_dir = Path(os.environ.get("UPDRAFT__LOCAL__STATE_DIR") or ".updraft")
    endpoint = published_endpoint(state_dir)
    if endpoint is None:
        raise click.ClickException(
            f"No local server runs on the state folder {state_dir}. Start one with 'make run', "
            "or name a deployed stage with UPDRAFT__AWS__STAGE."
        )
    prepare_environment(os.environ, endpoint)
