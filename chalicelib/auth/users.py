"""``User``, and the rules for user names and passwords; pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from chalicelib.domain.errors import UpdraftError

LONGEST_NAME = 250
LONGEST_PASSWORD = 1024
"""Characters. With the name, encoded, it stays within the headers that API Gateway takes."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class InvalidUser(UpdraftError):
    """A user name or password that the rules forbid."""

    code: ClassVar[str] = "invalid_user"


class UserAlreadyExists(UpdraftError):
    """The user name is taken."""

    code: ClassVar[str] = "user_already_exists"

    def __init__(self, username: str) -> None:
        super().__init__(f"User {username} already exists")


class UserNotFound(UpdraftError):
    """No user of that name is known."""

    code: ClassVar[str] = "user_not_found"

    def __init__(self, username: str) -> None:
        super().__init__(f"User {username} not found")


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user who has a password."""

    username: str
    """The name, in its canonical form."""
    password_hash: str
    """The hash of the password (see ``passwords``)."""
    created_at: datetime
    password_set_at: datetime


def canonical(text: str) -> str:
    """A name or password in the form it is compared in: Unicode NFC, as RFC 8265 asks.

    The same letters are typed as different code points on different systems.
    """
    return unicodedata.normalize("NFC", text)


def checked_name(username: str) -> str:
    """A name that a user may have, in its canonical form; raises ``InvalidUser``."""
    name = canonical(username)
    if not name or ":" in name or _CONTROL.search(name) or len(name) > LONGEST_NAME:
        raise InvalidUser(
            f"A user name takes 1 to {LONGEST_NAME} characters, none of them a colon or a control character"
        )
    return name


def checked_password(password: str) -> str:
    """A password that a user may have, in its canonical form; raises ``InvalidUser``."""
    text = canonical(password)
    if not text or len(text) > LONGEST_PASSWORD or _CONTROL.search(text):
        raise InvalidUser(
            f"A password takes 1 to {LONGEST_PASSWORD} characters, none of them a control character"
        )
    return text
