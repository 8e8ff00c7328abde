"""``XComSource``: the runs whose XComs a try pulls, where they are not those of its own run."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class XComSource:
    """A run of a DAG, or all of its runs up to a try's date."""

    dag_id: str
    run_id: str
    """The id of the run; with ``include_prior_dates`` it does not matter."""
    include_prior_dates: bool
    """Whether it is all runs up to the logical date of the try's own run, the latest first."""
