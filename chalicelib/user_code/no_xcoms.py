"""XComs of code that belongs to no task: ``NoXComs`` takes them and has none, ``RefusedXComs`` says so."""

from collections.abc import Iterator

from chalicelib.domain.runs.xcom_sources import XComSource


class NoXComs:
    """Nothing is pushed, and nothing was."""

    run_uid = ""

    def push(self, key: str, value: str) -> None:
        """Forget it."""

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:  # noqa: ARG002 - as above
        """There are none."""
        return iter(())

    def elsewhere(self, source: XComSource) -> Iterator["NoXComs"]:  # noqa: ARG002 - as above
        """There are none."""
        return iter(())

    def of_run(self, run_uid: str) -> "NoXComs":  # noqa: ARG002 - as above
        """There are none either."""
        return self


class RefusedXComs:
    """Those of triggers: each method raises ``ValueError``."""

    run_uid = ""

    def push(self, key: str, value: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse it."""
        raise ValueError("a trigger pushes no XComs: its event may")

    def pull(self, task_id: str, key: str, map_index: int = -1) -> str | None:  # noqa: ARG002 - as above
        """Refuse it."""
        raise ValueError(
            "triggers and timetables pull no XComs: a task does, and passes what its trigger needs"
        )

    def pull_all(self, task_id: str, key: str) -> Iterator[tuple[int, str]]:
        """Refuse it."""
        self.pull(task_id, key)
        return iter(())

    def elsewhere(self, source: XComSource) -> Iterator["RefusedXComs"]:  # noqa: ARG002 - as above
        """Refuse it."""
        self.pull("", "")
        return iter(())

    def of_run(self, run_uid: str) -> "RefusedXComs":  # noqa: ARG002 - as above
        """Refuse it."""
        self.pull("", "")
        return self
