"""``python -m tests.integration.local.fake_server``: the local server around the fake app."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from chalicelib.local.server import Application, run

_FAKE = "tests.integration.local.fake_app"


def create() -> None:
    from chalicelib import aws
    from chalicelib.deploy.description.resources import stage_resources
    from chalicelib.deploy.provisioning.before_chalice import create_missing
    from chalicelib.settings import Settings

    create_missing(stage_resources(Settings.from_environ()), client=aws.client)


def on_crash(record: dict[str, Any], request_id: str) -> None:
    with (Path(os.environ["FAKE_NOTES"]) / "crashes").open("a") as file:
        file.write(f"{request_id} {record['body']}\n")


def resume() -> None:
    with (Path(os.environ["FAKE_NOTES"]) / "resumed").open("a") as file:
        file.write("resumed\n")


def main() -> int:
    return run(
        Application(
            chalice_app=lambda: importlib.import_module(_FAKE).app,
            create=create,
            resume=resume,
            on_crash=on_crash,
            refusals=dict,
            try_next=lambda url, dag_ids: f"curl {url}/api/echo/{','.join(dag_ids) or 'nobody'}",
            worker=f"{_FAKE}:worker",
            scheduler=f"{_FAKE}:scheduler",
            events=f"{_FAKE}:scheduler",
            tick=f"{_FAKE}:tick",
            sync=f"{_FAKE}:sync",
            preload=(_FAKE, "chalicelib.local.warm_start"),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
