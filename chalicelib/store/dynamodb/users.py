"""Users, and the tries at their passwords."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import ceil

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.auth.logins import (
    BETWEEN_CHECKS,
    MOST_ADDRESSES,
    PROVEN_FOR,
    Login,
    Proof,
    latest_busy,
    latest_for_a_check,
    milliseconds,
    moment,
    name_digest,
)
from chalicelib.auth.users import User
from chalicelib.store.dynamodb.connection import DynamoDB
from chalicelib.store.dynamodb.models import LoginItem, UserItem
from chalicelib.store.dynamodb.table import get_each
from chalicelib.store.dynamodb.tables import Tables


class DynamoUsers:
    """Implements ``auth.ports.Users``."""

    def __init__(self, dynamodb: DynamoDB, tables: Tables) -> None:
        self._dynamodb = dynamodb
        self._users = tables.users
        self._logins = tables.logins

    def get(self, username: str) -> User | None:
        item = self._users.get(username)
        return _as_user(item) if item else None

    def list(self) -> Iterator[User]:
        return (_as_user(item) for item in self._users.scan())

    def create(self, user: User) -> bool:
        item = UserItem(
            user.username,
            password_hash=user.password_hash,
            created_at=user.created_at,
            password_set_at=user.password_set_at,
        )
        write = self._users.put(item, UserItem.username.does_not_exist())
        return write.applied or (write.item is not None and _as_user(write.item) == user)

    def set_password(self, username: str, password_hash: str, set_at: datetime) -> bool:
        actions = [UserItem.password_hash.set(password_hash), UserItem.password_set_at.set(set_at)]
        return self._users.update([username], actions, UserItem.username.exists()).applied

    def delete(self, username: str) -> None:
        self._users.delete([username])

    def for_login(self, username: str) -> tuple[User | None, Login]:
        found = get_each(
            self._dynamodb,
            {
                self._users.name: self._users.key(username),
                self._logins.name: self._logins.key(name_digest(username)),
            },
        )
        user = self._users.read(found.get(self._users.name))
        login = self._logins.read(found.get(self._logins.name))
        return _as_user(user) if user else None, _as_login(login)

    def begin_check(self, username: str, seen: Login, now: datetime) -> tuple[bool, Login]:
        login = seen
        for _ in range(_RACES):
            if login.wait(now):
                return False, login
            action, condition = _first_check(now) if login.is_idle(now) else _next_check(now)
            actions = [action, _expiry(now)]
            write = self._logins.update([name_digest(username)], actions, condition)
            login = _as_login(write.item)
            if write.applied:
                return True, login
        return False, login

    def keep_proof(self, username: str, digest: str, now: datetime) -> None:
        actions = [
            LoginItem.proof_digest.set(digest),
            LoginItem.proven_at.set(now),
            LoginItem.addresses.remove(),
            _expiry(now),
        ]
        is_another = LoginItem.proof_digest.does_not_exist() | (LoginItem.proof_digest != digest)
        has_expired = LoginItem.proven_at <= now - PROVEN_FOR
        self._logins.update([name_digest(username)], actions, is_another | has_expired)

    def renew_proof(self, username: str, digest: str, now: datetime) -> None:
        actions = [LoginItem.proven_at.set(now), _expiry(now)]
        self._logins.update([name_digest(username)], actions, LoginItem.proof_digest == digest)

    def come_from(
        self, username: str, address: str, now: datetime, *, was_checked: bool
    ) -> tuple[bool, Login]:
        key, expiry = [name_digest(username)], _expiry(now)
        came_before = LoginItem.addresses.contains(address)
        may_come = None if was_checked else came_before | _is_idle(now) | _has_a_check(now)
        write = self._logins.update(key, [LoginItem.addresses.add({address}), expiry], may_come)
        login = _as_login(write.item)
        if write.item and len(write.item.addresses or ()) > MOST_ADDRESSES:
            self._logins.update(key, [LoginItem.addresses.set({address}), expiry])
        return write.applied, login


_RACES = 3
"""Writes for one check: that others have begun, that it counts with theirs, and one for bad luck."""


def _first_check(now: datetime) -> tuple[Action, Condition]:
    return LoginItem.busy_until.set(milliseconds(now + BETWEEN_CHECKS)), _is_idle(now)


def _next_check(now: datetime) -> tuple[Action, Condition]:
    return LoginItem.busy_until.add(BETWEEN_CHECKS // timedelta(milliseconds=1)), _has_a_check(now)


def _is_idle(now: datetime) -> Condition:
    """As ``Login.is_idle``."""
    busy_until = LoginItem.busy_until
    is_over = busy_until <= milliseconds(now)
    is_wrong = busy_until > milliseconds(latest_busy(now))
    condition: Condition = busy_until.does_not_exist() | is_over | is_wrong
    return condition


def _has_a_check(now: datetime) -> Condition:
    """As ``Login.wait``, of a name that is not idle."""
    return LoginItem.busy_until.between(milliseconds(now) + 1, milliseconds(latest_for_a_check(now)))


def _expiry(now: datetime) -> Action:
    """Nothing that is known of a name counts longer than a proof made now."""
    return LoginItem.expires_at.set(ceil((now + PROVEN_FOR).timestamp()))


def _as_login(item: LoginItem | None) -> Login:
    if item is None:
        return Login()
    proof = None
    if item.proof_digest is not None and item.proven_at is not None:
        addresses = frozenset(item.addresses or ())
        proof = Proof(digest=item.proof_digest, proven_at=item.proven_at, addresses=addresses)
    busy_until = None if item.busy_until is None else moment(item.busy_until)
    return Login(busy_until=busy_until, proof=proof)


def _as_user(item: UserItem) -> User:
    return User(
        username=item.username,
        password_hash=item.password_hash,
        created_at=item.created_at,
        password_set_at=item.password_set_at,
    )
