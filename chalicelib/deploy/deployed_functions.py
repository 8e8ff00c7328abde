"""What a deployed stage serves: the settings of the function behind its API, as Lambda has them."""

from typing import ClassVar

from chalicelib.aws import ClientFactory
from chalicelib.deploy.aws_still_busy import error_code
from chalicelib.deploy.chalice.entries import API_HANDLER, function_name
from chalicelib.deploy.provisioning.functions import environment
from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import SettingError, Settings

_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
_SHIPPED = "chalicelib/dags"


class NotKnown(UpdraftError):
    """What a stage serves cannot be found out; the text says why."""

    code: ClassVar[str] = "not_known"


def deployed_settings(stage: str, client: ClientFactory) -> dict[str, str]:
    """Auth backend, bucket and DAGs folder (in the package) of a stage, by name; raises ``NotKnown``.

    1 request, which takes the right ``lambda:GetFunctionConfiguration``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        variables = environment(function_name(stage, API_HANDLER), client("lambda"))
        settings = Settings.from_environ(variables)
    except ClientError as error:
        code = error_code(error)
        is_missing = code == "ResourceNotFoundException"
        raise NotKnown("it is not deployed" if is_missing else f"AWS says {code}") from error
    except BotoCoreError as error:
        raise NotKnown(f"AWS cannot be asked ({type(error).__name__})") from error
    except SettingError as error:
        raise NotKnown(str(error)) from error
    return {
        "auth_backend": settings.auth_backend,
        "bucket": settings.bucket,
        "dags_folder": variables.get(_DAGS_FOLDER) or _SHIPPED,
    }
