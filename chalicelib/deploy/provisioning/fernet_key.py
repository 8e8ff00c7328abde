"""The Fernet key of a stage: made once, kept in a parameter of Systems Manager, and never changed here."""

import base64
import logging
import secrets
from typing import Any

from chalicelib.deploy.aws_errors import error_code
from chalicelib.deploy.description.resources import KeyParameter

log = logging.getLogger(__name__)

SECURE = "SecureString"
"""The type of a parameter that AWS encrypts; without a key of the team's by its own, ``aws/ssm``."""


def new_fernet_key() -> str:
    """A key as Airflow's ``fernet_key`` takes it: 32 random bytes in URL-safe base64 (Fernet's format)."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def create_missing_key(parameter: KeyParameter, ssm: Any) -> list[str]:
    """Make a key and keep it, unless there is one; the parameter's name if it was made here.

    1 request if there is one, else 2. What stands is not overwritten, whatever it is: without it what is
    encrypted would be lost.
    """
    from botocore.exceptions import ClientError

    if key_type(parameter, ssm) is not None:
        return []
    try:
        ssm.put_parameter(
            Name=parameter.name,
            Description="Fernet key of Updraft: encrypts passwords and extras of connections",
            Value=new_fernet_key(),
            Type=SECURE,
            Overwrite=False,
        )
    except ClientError as error:
        if error_code(error) != "ParameterAlreadyExists":
            raise
        return []
    log.info("Created parameter %s", parameter.name)
    return [parameter.name]


def key_type(parameter: KeyParameter, ssm: Any) -> str | None:
    """The type of the parameter; None where there is none. 1 request, whose answer is not decrypted."""
    from botocore.exceptions import ClientError

    try:
        answer = ssm.get_parameter(Name=parameter.name, WithDecryption=False)
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
        return None
    return str(answer["Parameter"]["Type"])
