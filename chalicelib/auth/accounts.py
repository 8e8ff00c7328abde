"""Use cases of the command line on users: create one, set a password, delete one."""

from datetime import datetime

from chalicelib.auth.passwords import hash_password
from chalicelib.auth.ports import Users
from chalicelib.auth.users import (
    User,
    UserAlreadyExists,
    UserNotFound,
    canonical,
    checked_name,
    checked_password,
)


def create_user(users: Users, username: str, password: str, *, cost: int, now: datetime) -> User:
    """Enter a user; raises ``InvalidUser``, ``UserAlreadyExists``. 1 request."""
    kept = hash_password(checked_password(password), cost)
    user = User(username=checked_name(username), password_hash=kept, created_at=now, password_set_at=now)
    if not users.create(user):
        raise UserAlreadyExists(user.username)
    return user


def set_password(users: Users, username: str, password: str, *, cost: int, now: datetime) -> None:
    """Give a user another password; raises ``InvalidUser``, ``UserNotFound``. 1 request."""
    kept = hash_password(checked_password(password), cost)
    if not users.set_password(canonical(username), kept, now):
        raise UserNotFound(username)


def delete_user(users: Users, username: str) -> None:
    """Delete a user; raises ``UserNotFound``. 2 requests."""
    name = canonical(username)
    if users.get(name) is None:
        raise UserNotFound(username)
    users.delete(name)
