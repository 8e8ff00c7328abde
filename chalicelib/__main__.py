"""``python -m chalicelib``: the command line."""

from chalicelib.cli import updraft

updraft(prog_name="python -m chalicelib")
