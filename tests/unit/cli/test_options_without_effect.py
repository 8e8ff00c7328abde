"""Options of Airflow's that scripts give: taken where nothing depends on them, else refused."""

from pathlib import Path

import click
import pytest

from chalicelib.cli import updraft
from chalicelib.cli.without_effect import options_of_2_x
from tests.scripted.command_line import run


def parsed(*arguments: str) -> click.Context:
    """What a command makes of its arguments, without being run; raises ``click.UsageError``."""
    command: click.Command = updraft
    words = list(arguments)
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    return command.make_context(arguments[0], words)


@pytest.mark.parametrize(
    "line",
    [
        "dags list -v -S dags",
        "dags trigger example -S dags --verbose",
        "dags backfill example -s 2026-01-01 -l -x --continue-on-failures --delay-on-limit 2.0 -v -S dags",
        "tasks clear example -x -X -v",
        "tasks state example task 2026-01-01 -S dags",
        "pools set a 1 b -o json",
        "users list -v",
        "users delete ada -y",
        "variables delete city --yes",
        "backfill example -s 2026-01-01 -sd dags -l -x --delay_on_limit 2.0 -v -dr",
        "clear example -sd dags -x -xp -dx -c",
        "list_dags -sd dags -r",
        "trigger_dag example -sd dags",
    ],
)
def test_they_are_taken(line: str) -> None:
    assert not {"verbose", "local", "donot_pickle"} & parsed(*line.split()).params.keys()


@pytest.mark.parametrize("option", ["-m", "-i", "-I", "-B", "--run-backwards", "--disable-retry"])
def test_what_would_have_changed_something_is_refused(option: str) -> None:
    with pytest.raises(click.NoSuchOption):
        parsed("dags", "backfill", "example", option)


def test_letters_of_options_that_1_10_spelled_together_stay_apart_in_2_x() -> None:
    apart = parsed("tasks", "clear", "example", "-dr").params
    assert (apart["downstream"], apart["only_running"]) == (True, True)
    assert parsed("backfill", "example", "-dr").params["dry_run"] is True
    assert parsed("clear", "example", "-dx").params["dag_regex"] is True


def test_no_option_is_there_twice() -> None:
    for group, name, _ in options_of_2_x():
        named = updraft.commands[group]
        assert isinstance(named, click.Group)
        spellings = [spelling for option in named.commands[name].params for spelling in option.opts]
        assert len(spellings) == len(set(spellings)), f"{group} {name}"


def test_the_report_looks_where_subdir_says(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from airflow import DAG\nDAG('mine')\n")
    result = run("dags", "report", "-S", str(tmp_path), "-o", "plain")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[0] == "/mine.py"
