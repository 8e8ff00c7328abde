"""Lambda's context object, as far as handlers use it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionContext:
    """The context of one invocation that has some time left."""

    aws_request_id: str = "request-1"
    remaining: timedelta = timedelta(seconds=60)

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's."""
        return self.remaining // timedelta(milliseconds=1)
