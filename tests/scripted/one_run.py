"""A base of fakes: the XComs of one run, where there are no others."""

from collections.abc import Iterator
from typing import Self

from chalicelib.domain.runs.xcom_sources import XComSource


class XComsOfOneRun:
    """What such a fake says of other runs."""

    run_uid = "uid"

    def elsewhere(self, source: XComSource) -> Iterator[Self]:
        return iter(())

    def of_run(self, run_uid: str) -> Self:
        raise AssertionError(f"there is no run {run_uid}")
