"""Settings of the deployed Lambda functions that Chalice has no option for."""

import time
from typing import Any

from chalicelib.deploy.aws_errors import Sleep, when_not_busy


def report_partial_batch_failures(mapping: str, lambda_: Any, *, sleep: Sleep = time.sleep) -> None:
    """Let the function behind an event source mapping say which messages of a batch have failed.

    Without it Lambda does not read ``batchItemFailures`` and deletes the failed messages with the
    others. ``mapping`` is the UUID of the event source mapping.
    """
    if "ReportBatchItemFailures" in lambda_.get_event_source_mapping(UUID=mapping).get(
        "FunctionResponseTypes", []
    ):
        return
    when_not_busy(
        lambda: lambda_.update_event_source_mapping(
            UUID=mapping, FunctionResponseTypes=["ReportBatchItemFailures"]
        ),
        busy="ResourceInUseException",  # it is still being created or updated (AWS)
        sleep=sleep,
    )


def allow_recursion(function: str, lambda_: Any, *, sleep: Sleep = time.sleep) -> None:
    """Let the function be part of a loop; ``function`` is its name or ARN.

    Lambda stops a chain of Lambda and SQS after about 16 invocations, without an error in the function:
    a DAG of 17 tasks in a row would never end.
    """
    when_not_busy(
        lambda: lambda_.put_function_recursion_config(FunctionName=function, RecursiveLoop="Allow"),
        busy="ResourceConflictException",  # the function is still being updated (AWS)
        sleep=sleep,
    )
