"""``LatestOnlyOperator``: a task that lets only the latest run go on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.authoring.dates import utcnow
from chalicelib.authoring.operators.branch import BaseBranchOperator
from chalicelib.authoring.running import timetables

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context


class LatestOnlyOperator(BaseBranchOperator):
    """Skips its direct successors unless the run is of the latest interval that is complete.

    Runs triggered from outside, and runs that no other follows, always go on.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: "Context") -> Iterable[str]:
        """All direct successors, or none."""
        if self._is_latest(context):
            return sorted(self.downstream_task_ids)
        return []

    def _is_latest(self, context: "Context") -> bool:
        dag_run = context["dag_run"]
        if dag_run.was_triggered or dag_run.data_interval_start is None:
            self.log.info("Externally triggered DAG_Run: allowing execution to proceed.")
            return True
        now = utcnow()
        following = timetables.following(self.dag, dag_run.data_interval, now)
        if following is None:
            self.log.info("Last scheduled execution: allowing execution to proceed.")
            return True
        # Where runs stand for moments, the window is the time between two of them.
        left = following.start if following.start < following.end else dag_run.data_interval.end
        self.log.info(
            "Checking latest only with left_window: %s right_window: %s now: %s", left, following.end, now
        )
        is_latest = left < now <= following.end
        if is_latest:
            self.log.info("Latest, allowing execution to proceed.")
        else:
            self.log.info("Not latest execution, skipping downstream.")
        return is_latest
