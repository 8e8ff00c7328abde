"""Reasons of runs that were ended by hand."""

MARKED_FAILED = "marked failed by hand"
"""Why a run was ended that somebody cancelled: Airflow's words for it are to mark it failed."""

MARKED_SUCCESS = "marked success by hand"
"""Why a run was ended that somebody declared to be a success."""


ENDED_BY_HAND = frozenset({MARKED_FAILED, MARKED_SUCCESS})
"""Reasons of runs that somebody ended, whatever their tasks did."""
