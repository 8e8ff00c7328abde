"""The command line in this process, as tests type it."""

from click.testing import CliRunner, Result

from chalicelib.cli import updraft


def run(*arguments: str, stdin: str = "") -> Result:
    """What ``python -m chalicelib`` with these arguments does and says."""
    return CliRunner().invoke(updraft, arguments, input=stdin)
