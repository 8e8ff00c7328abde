"""The command line in this process, as tests type it."""

import io

from click.testing import CliRunner, Result

from chalicelib.cli import updraft


class Terminal(io.StringIO):
    """What is printed on a terminal, to take the place of ``sys.stdout`` or ``sys.stderr``."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str, stdin: str = "") -> Result:
    """What ``python -m chalicelib`` with these arguments does and says."""
    return CliRunner().invoke(updraft, arguments, input=stdin)
