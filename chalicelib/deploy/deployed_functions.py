"""The functions of a deployed stage as Lambda has them: their configurations, runtime and settings."""

from typing import Any, ClassVar

from chalicelib import aws
from chalicelib.deploy.aws_errors import error_code, unless_missing
from chalicelib.deploy.description.functions import (
    API_HANDLER,
    function_name,
)
from chalicelib.deploy.stages import StageError
from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import SettingError, Settings

_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
_SHIPPED = "chalicelib/dags"


class NotKnown(UpdraftError):
    """What a stage serves cannot be found out; the text says why."""

    code: ClassVar[str] = "not_known"


def deployed_settings(stage: str, client: aws.ClientFactory) -> dict[str, str]:
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


def standing_configuration(stage: str, handler: str, lambda_: Any) -> dict[str, Any] | None:
    """A function's configuration, as Lambda tells it; None where there is no such function. 1 request."""
    name = function_name(stage, handler)
    return unless_missing(
        lambda: lambda_.get_function_configuration(FunctionName=name), missing="ResourceNotFoundException"
    )


def standing_runtime(stage: str, *, client: aws.ClientFactory = aws.client) -> str | None:
    """The runtime of the stage's functions, by the API's; None where there is none. 1 request."""
    configuration = standing_configuration(stage, API_HANDLER, client("lambda"))
    return None if configuration is None else str(configuration["Runtime"])


def refuse_stack(stage: str, *, client: aws.ClientFactory = aws.client) -> None:
    """Raise ``StageError`` if the stage is a CloudFormation stack, whose parts are the stack's to change.

    2 requests.
    """
    function = standing_configuration(stage, API_HANDLER, client("lambda"))
    if function is None:
        return
    tags = client("lambda").list_tags(Resource=function["FunctionArn"])["Tags"]
    stack = tags.get("aws:cloudformation:stack-name")
    if stack:
        raise StageError(
            f"Stage {stage} is the CloudFormation stack {stack}: update it by 'python -m chalicelib package' "
            "and 'aws cloudformation deploy', take it down by 'aws cloudformation delete-stack'"
        )


def environment(function: str, lambda_: Any) -> dict[str, str]:
    """The environment variables that the function was deployed with."""
    return environment_in(lambda_.get_function_configuration(FunctionName=function))


def environment_in(configuration: dict[str, Any]) -> dict[str, str]:
    """The environment variables in a function's configuration."""
    variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
    return variables
