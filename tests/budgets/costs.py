"""What AWS asks for a use of its services: list prices of us-east-1 in dollars, without any free tier."""

from dataclasses import dataclass, fields
from typing import Self

from tests.meter import Meter

MILLION = 1_000_000
GB = 1_000_000_000

PRICES = {
    # Amazon DynamoDB pricing, on-demand table, Standard class (halved in November 2024)
    "dynamodb_write_units": 0.625 / MILLION,
    "dynamodb_read_units": 0.125 / MILLION,
    # Amazon SQS pricing, standard queue, requests of at most 64 KB
    "sqs_requests": 0.40 / MILLION,
    # AWS Lambda pricing, Arm (x86: see below); the time of the init phase counts since August 2025
    "lambda_requests": 0.20 / MILLION,
    "lambda_gb_seconds": 0.0000133334,
    # Amazon API Gateway pricing, REST API
    "api_requests": 3.50 / MILLION,
    # Amazon S3 pricing, Standard
    "s3_puts": 0.005 / 1000,
    "s3_gets": 0.0004 / 1000,
    # Amazon CloudWatch pricing: logs taken in
    "log_bytes": 0.50 / GB,
    # The same: an alarm of standard resolution
    "alarm_months": 0.10,
    # The same: a custom metric, of an account's first 10,000; by the hours in which it is told of
    "metric_months": 0.30,
}
"""Dollars for one of each, by AWS's pricing pages as of November 2026; EventBridge's schedules are free."""

X86_GB_SECOND = 0.0000166667
"""What a GB-second costs where ``lambda_architecture`` is ``x86_64``."""

LOG_BYTES_PER_INVOCATION = 2000
"""Lambda's own START, END and REPORT lines take about 350 bytes; the lines of ours the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """How much of what is paid for; the fields are those of ``PRICES``."""

    dynamodb_write_units: float = 0
    dynamodb_read_units: float = 0
    sqs_requests: float = 0
    lambda_requests: float = 0
    lambda_gb_seconds: float = 0
    api_requests: float = 0
    s3_puts: float = 0
    s3_gets: float = 0
    log_bytes: float = 0
    alarm_months: float = 0
    metric_months: float = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in PRICES})

    def times(self, factor: float) -> Self:
        """So much more of everything."""
        return type(self)(**{name: getattr(self, name) * factor for name in PRICES})

    def dollars(self, *services: str) -> float:
        """What it costs; of some services only, by how the fields of ``PRICES`` begin."""
        used: dict[str, float] = {each.name: getattr(self, each.name) for each in fields(self)}
        return sum(
            amount * PRICES[name]
            for name, amount in used.items()
            if not services or name.startswith(services)
        )


def asked(meter: Meter) -> Use:
    """What was asked of AWS while a meter ran."""
    return Use(
        dynamodb_write_units=meter.write_units,
        dynamodb_read_units=meter.read_units,
        sqs_requests=meter.sqs.total(),
        s3_puts=meter.s3["PutObject"],
        s3_gets=meter.s3["GetObject"],
    )


def invocation(*, memory_mb: int, seconds: float) -> Use:
    """An invocation of a Lambda function."""
    return Use(
        lambda_requests=1, lambda_gb_seconds=seconds * memory_mb / 1024, log_bytes=LOG_BYTES_PER_INVOCATION
    )


DELIVERY = Use(sqs_requests=2)
"""Of a message to its function: Lambda receives and deletes it; one at a time, which is the dearest case."""
