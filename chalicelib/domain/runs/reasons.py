"""Reasons of runs that did not end by the ends of all of their tasks."""

MARKED_FAILED = "marked failed by hand"
"""The reason of a run that was cancelled: Airflow's words for it are to mark it failed."""

MARKED_SUCCESS = "marked success by hand"
"""The reason of a run that was declared to be a success."""


DEADLOCKED = "all_tasks_deadlocked"
"""Airflow's reason of a run that failed because all that had not ended waited for ever."""


ENDED_BY_HAND = frozenset({MARKED_FAILED, MARKED_SUCCESS})
"""Reasons of runs that were ended by hand, whatever their tasks did."""
