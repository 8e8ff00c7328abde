"""The refusal of user packages: one line that says what to change."""

from typing import ClassVar

from chalicelib.domain.errors import UpdraftError


class UserPackagesError(UpdraftError):
    """User packages cannot be read, resolved or installed; nothing is left half-installed."""

    code: ClassVar[str] = "user_packages"
