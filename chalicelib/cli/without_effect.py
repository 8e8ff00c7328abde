"""Options of Airflow that change nothing here; they are taken in silence, for the scripts that give them.

Not among them are options that would have changed what is done; those are refused, as wrong usage.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import product

import click

Names = tuple[str, ...]

_VERBOSE: Names = ("-v", "--verbose")
"""Logs of Airflow itself, of which there are none."""

_SUBDIR: Names = ("-S", "--subdir")
"""Where the DAG files are: here DAGs are looked up in the store."""

_OUTPUT: Names = ("-o", "--output")
_COLOR: Names = ("--color",)
"""Whether Airflow's own output has colours."""

_OF_ITS_OWN_PROCESSES: tuple[Names, ...] = (
    ("-l", "--local"),
    ("-x", "--donot-pickle", "--donot_pickle"),
    ("--continue-on-failures",),
    ("--delay-on-limit", "--delay_on_limit"),
)
"""Where a backfill of Airflow's runs tasks, and how it goes about it; here each run goes on by itself."""

_OF_SUBDAGS: tuple[Names, ...] = (
    ("-x", "--exclude-subdags", "--exclude_subdags"),
    ("-X", "--exclude-parentdag", "--exclude_parentdag"),
)

_YES: Names = ("-y", "--yes")
"""To what Airflow deletes without asking, and so is not asked about here."""

_WITH_VALUE = frozenset({"--color", "--subdir", "--output", "--delay-on-limit"})

_COMMANDS_WITH_VERBOSE: Mapping[str, Sequence[str]] = {
    "config": ("get-value", "list"),
    "connections": ("create-default-connections", "delete", "export", "get", "import", "list", "test"),
    "dags": (
        *("backfill", "delete", "details", "list", "list-import-errors", "list-runs", "next-execution"),
        *("pause", "report", "show", "state", "trigger", "unpause"),
    ),
    "pools": ("delete", "export", "get", "import", "list", "set"),
    "tasks": ("clear", "failed-deps", "list", "render", "state", "states-for-dag-run"),
    "users": ("create", "delete", "list"),
    "variables": ("delete", "export", "get", "import", "list", "set"),
}
_COMMANDS_WITH_SUBDIR: Mapping[str, Sequence[str]] = {
    "dags": ("backfill", "pause", "state", "trigger", "unpause"),
    "tasks": ("clear", "failed-deps", "state"),
}


def options_of_2_x() -> Iterator[tuple[str, str, Names]]:
    """Group, command and option: those of Airflow 2.10."""
    for commands, names in ((_COMMANDS_WITH_VERBOSE, _VERBOSE), (_COMMANDS_WITH_SUBDIR, _SUBDIR)):
        for group, members in commands.items():
            yield from ((group, command, names) for command in members)
    yield from product(("dags",), ("backfill",), _OF_ITS_OWN_PROCESSES)
    yield from product(("tasks",), ("clear",), _OF_SUBDAGS)
    yield from product(("pools",), ("set", "delete"), (_OUTPUT,))
    yield from product(("connections",), ("get", "delete"), (_COLOR,))
    yield from product(("pools", "users", "variables"), ("delete",), (_YES,))


OF_1_10: Mapping[str, tuple[Names, ...]] = {
    "backfill": (_VERBOSE, *_OF_ITS_OWN_PROCESSES),
    "clear": (("-x", "--exclude_subdags"), ("-xp", "--exclude_parentdag")),
}
"""By command; besides, all take ``-sd``, with effect or without."""

SUBDIR_OF_1_10: Names = ("-sd", "--subdir")


def also_taking(command: click.Command, *options: Names) -> click.Command:
    """The command with these options beside its own."""
    taking = copy(command)
    taking.params = [*command.params, *map(_ignored, options)]
    return taking


def _ignored(names: Names) -> click.Option:
    has_value = not _WITH_VALUE.isdisjoint(names)
    return click.Option(names, is_flag=not has_value, expose_value=False, help="Taken, and without effect.")
