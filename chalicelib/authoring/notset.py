"""``NOTSET``: the value of an argument that was not given, where None is one that may be."""

from typing import Final


class NotSet:
    """The type of ``NOTSET``."""

    def __repr__(self) -> str:
        return "NOTSET"


NOTSET: Final = NotSet()
"""The absence of a value where None is one."""
