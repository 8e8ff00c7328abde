"""CloudWatch metrics as log lines, in its embedded metric format (EMF).

CloudWatch makes metrics of such a line when it takes it in: no request of ours, no permission beyond the
log's, and a task waits for nothing. What tells runs and tasks apart is in the line as well, but is no
dimension: each combination of dimensions is a metric of its own, at $0.30 a month.
"""

import logging
import time
from collections.abc import Mapping
from typing import Literal

from chalicelib.domain.observations import (
    MessagePutAside,
    Observation,
    PoolUse,
    RunEnded,
    TaskEnded,
    TryStarted,
)
from chalicelib.telemetry.log_lines import Fields

NAMESPACE = "Updraft"

LONGEST_DIMENSION = 1024
"""Characters of a dimension's value (AWS, CloudWatch); a line that has more makes no metric."""

Unit = Literal["Count", "Seconds"]

logger = logging.getLogger("chalicelib.metrics")


class EmbeddedMetrics:
    """Implements ``engine.ports.observer.Observe``: each observation is one line, of the stage."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __call__(self, observation: Observation) -> None:
        """Write the line; never raises."""
        match observation:
            case RunEnded():
                ids = {
                    "dag_id": observation.dag_id,
                    "run_id": observation.run_id,
                    "execution_date": observation.execution_date.isoformat(),
                }
                self._write({"RunsEnded": (1, "Count")}, {"state": observation.state}, ids)
            case TaskEnded():
                self._write({"TasksEnded": (1, "Count")}, {"state": observation.state}, _task(observation))
            case TryStarted():
                waited = max(0.0, observation.waited.total_seconds())  # clocks of Lambdas differ a little
                self._write({"QueueToStartSeconds": (waited, "Seconds")}, {}, _task(observation))
            case PoolUse():
                self._write(
                    {"PoolSlots": (observation.slots, "Count"), "PoolSlotsUsed": (observation.used, "Count")},
                    {"pool": observation.pool},
                    {},
                )
            case MessagePutAside():
                self._write(
                    {"DeadLetters": (1, "Count")}, {"queue": observation.queue}, {"code": observation.code}
                )

    def _write(
        self,
        metrics: Mapping[str, tuple[float, Unit]],
        dimensions: Mapping[str, str],
        properties: Mapping[str, object],
    ) -> None:
        named = {name: _as_dimension(value) for name, value in dimensions.items()}
        all_dimensions = {"stage": self._stage, **named}
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(all_dimensions)],
            "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
        }
        values = {name: value for name, (value, _) in metrics.items()}
        fields = {
            "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]},
            **all_dimensions,
            **values,
            **properties,
        }
        logger.info(Fields(", ".join(metrics), fields))


def _as_dimension(text: str) -> str:
    """The value of a dimension as CloudWatch takes it, ASCII and not too long (a pool may have any name)."""
    return text.encode("ascii", "backslashreplace").decode()[:LONGEST_DIMENSION]


def _task(observation: TaskEnded | TryStarted) -> dict[str, object]:
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    return {name: getattr(observation, name) for name in names}
