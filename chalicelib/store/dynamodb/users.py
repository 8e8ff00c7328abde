"""Users, and the failed tries for a name."""

from collections.abc import Iterator
from datetime import datetime
from math import ceil

from chalicelib.auth.users import LoginRecord, User, end_of
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.models import FailedLoginItem, UserItem
from chalicelib.store.dynamodb.table import get_each
from chalicelib.store.dynamodb.tables import Tables


class DynamoUsers:
    """Implements ``auth.ports.Users``."""

    def __init__(self, dynamodb: DynamoDB, tables: Tables) -> None:
        self._dynamodb = dynamodb
        self._users = tables.users
        self._failures = tables.failed_logins

    def get(self, username: str) -> User | None:
        """See the port."""
        item = self._users.get(username)
        return _as_user(item) if item else None

    def list(self) -> Iterator[User]:
        """See the port."""
        return (_as_user(item) for item in self._users.scan())

    def create(self, user: User) -> bool:
        """See the port."""
        item = UserItem(
            user.username,
            password_hash=user.password_hash,
            created_at=user.created_at,
            password_set_at=user.password_set_at,
        )
        write = self._users.put(item, UserItem.username.does_not_exist())
        return write.applied or (write.item is not None and _as_user(write.item) == user)

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        """See the port."""
        actions = [UserItem.password_hash.set(password_hash), UserItem.password_set_at.set(set_at)]
        return self._users.update([username], actions, UserItem.username.exists()).applied

    def delete(self, username: str) -> None:
        """See the port."""
        self._users.delete([username])

    def for_login(self, username: str, window: int) -> LoginRecord:
        """See the port."""
        found = get_each(
            self._dynamodb,
            {
                self._users.name: self._users.key(username),
                self._failures.name: self._failures.key(_window_key(username, window)),
            },
        )
        user = self._users.read(found.get(self._users.name))
        failed = self._failures.read(found.get(self._failures.name))
        return LoginRecord(user=_as_user(user) if user else None, failures=failed.failures if failed else 0)

    def note_failure(self, username: str, window: int) -> None:
        """See the port."""
        actions = [
            FailedLoginItem.failures.add(1),
            FailedLoginItem.expires_at.set(ceil(end_of(window).timestamp())),
        ]
        self._failures.update([_window_key(username, window)], actions)


def _window_key(username: str, window: int) -> str:
    return f"{window}#{username}"


def _as_user(item: UserItem) -> User:
    return User(
        username=item.username,
        password_hash=item.password_hash,
        created_at=item.created_at,
        password_set_at=item.password_set_at,
    )
