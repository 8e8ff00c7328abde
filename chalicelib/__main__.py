"""``python -m chalicelib``: the command line."""

from chalicelib.cli import updraft
from chalicelib.cli.completion import COMPLETE_VARIABLE

updraft(prog_name="python -m chalicelib", complete_var=COMPLETE_VARIABLE)
