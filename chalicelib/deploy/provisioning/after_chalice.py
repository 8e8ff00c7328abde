"""The settings that Chalice has no option for, put after each ``chalice deploy``."""

import time
from pathlib import Path

from chalicelib import aws
from chalicelib.auth.backends import without_credentials
from chalicelib.deploy.aws_errors import Sleep
from chalicelib.deploy.chalice.record import read_deployed
from chalicelib.deploy.deployed_functions import environment
from chalicelib.deploy.description.functions import API_HANDLER, LOOPING_HANDLERS, QUEUE_OF
from chalicelib.deploy.provisioning.api_gateway import answer_in_json, throttle
from chalicelib.deploy.provisioning.functions import allow_recursion, report_partial_batch_failures
from chalicelib.settings import Settings


def finish_deployment(
    project: Path, stage: str, *, client: aws.ClientFactory = aws.client, sleep: Sleep = time.sleep
) -> None:
    """Give what ``chalice deploy --stage <stage>`` made the settings that Chalice has no option for.

    To be repeated after each deployment, which undoes some of it, and as often as one likes.
    ``project`` is the directory of ``app.py``. The auth backend and the limits are read from the deployed
    function, so that the gateway answers for the backend that is really there. Raises ``NotDeployed``,
    and ``SettingError`` for a backend that is not served.
    """
    deployed = read_deployed(project, stage)
    lambda_ = client("lambda")
    for handler in QUEUE_OF:
        report_partial_batch_failures(deployed.queue_mapping(handler), lambda_, sleep=sleep)
    for handler in LOOPING_HANDLERS:
        allow_recursion(deployed.functions[handler], lambda_, sleep=sleep)
    settings = Settings.from_environ(environment(deployed.functions[API_HANDLER], lambda_))
    missing_credentials = without_credentials(settings.auth_backend)
    answer_in_json(deployed.rest_api_id, missing_credentials, client("apigateway"), sleep=sleep)
    throttle(deployed.rest_api_id, settings, client("apigateway"), sleep=sleep)
