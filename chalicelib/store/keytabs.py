"""The places where a keytab can be: a file, Secrets Manager, a parameter of Systems Manager."""

import base64
import binascii
import re
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.settings import SettingError

_PLACE = re.compile(r"(?:arn:[^:]+:)?(secretsmanager|ssm):(.+)", re.DOTALL)


def read_keytab(place: str) -> bytes:
    """The bytes of a keytab; raises ``SettingError``, whose text holds nothing of them.

    ``place`` is a path (also ``FILE:path``), or ``secretsmanager:NAME`` or ``ssm:NAME``, or an ARN of
    either. A text there is the keytab in base64. 1 request of AWS where it is not a file.
    """
    if not place:
        raise SettingError("AIRFLOW__KERBEROS__KEYTAB is not set; kerberos_auth needs the service's keytab")
    found = _PLACE.fullmatch(place)
    try:
        if not found:
            return Path(place.removeprefix("FILE:")).read_bytes()
        service, name = found.groups()
        whole = place if place.startswith("arn:") else name
        return _secret(whole) if service == "secretsmanager" else _parameter(whole)
    except OSError as error:
        raise SettingError(f"AIRFLOW__KERBEROS__KEYTAB, {place}, cannot be read: {error.strerror}") from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise SettingError(f"AIRFLOW__KERBEROS__KEYTAB, {place}, cannot be read: {code}") from None
    except BotoCoreError as error:
        kind = type(error).__name__
        raise SettingError(f"AIRFLOW__KERBEROS__KEYTAB, {place}, cannot be read: {kind}") from None
    except (binascii.Error, ValueError):
        raise SettingError(f"AIRFLOW__KERBEROS__KEYTAB, {place}, is no keytab in base64") from None


def _secret(name: str) -> bytes:
    secret = aws.client("secretsmanager").get_secret_value(SecretId=name)
    if "SecretBinary" in secret:
        raw: bytes = secret["SecretBinary"]
        return raw
    return _decoded(secret["SecretString"])


def _parameter(name: str) -> bytes:
    return _decoded(aws.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _decoded(text: str) -> bytes:
    return base64.b64decode("".join(text.split()), validate=True)
