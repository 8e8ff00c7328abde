"""``FernetKeys``: ``[core] fernet_key``, with which the secrets of connections are encrypted.

As in Airflow these are Fernet keys with commas between: the first one encrypts, and all decrypt. A deployed
stage keeps them in a parameter of Systems Manager, a SecureString under AWS's own key; the local server in a
file of its state folder, and hands them on in the environment.
"""

from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from chalicelib import aws
from chalicelib.domain.connections import FernetKeyUnusable
from chalicelib.domain.errors import StoreUnavailable
from chalicelib.settings import Settings

ReadKeys = Callable[[], str]
"""Gives the text of the keys; raises ``FernetKeyUnusable`` and ``StoreUnavailable``."""


class FernetKeys:
    """Encrypts and decrypts; the keys are read when they are first needed, and kept in memory.

    They are read again when something turns out to be encrypted with another key: since, they may have been
    changed. All methods raise what ``read`` raises, and ``FernetKeyUnusable``; safe to share among threads.
    """

    def __init__(self, read: ReadKeys) -> None:
        self._read = read
        self._keys: MultiFernet | None = None

    def encrypted(self, secret: str) -> str:
        """A Fernet token of the secret, by the first key."""
        return (self._keys or self.renewed()).encrypt(secret.encode()).decode()

    def decrypted(self, token: str) -> str:
        """The secret of a token."""
        keys = self._keys or self.renewed()
        try:
            return keys.decrypt(token).decode()
        except InvalidToken:
            return self._by_new_keys(token)

    def renewed(self) -> MultiFernet:
        """The keys, read anew."""
        self._keys = keys = _parsed(self._read())
        return keys

    def _by_new_keys(self, token: str) -> str:
        try:
            return self.renewed().decrypt(token).decode()
        except InvalidToken:
            raise FernetKeyUnusable(
                "It is encrypted with a key that is not in [core] fernet_key: put the old key after the new "
                "one, with a comma between"
            ) from None


def keys_of(settings: Settings) -> FernetKeys:
    """The keys of a stage; those of a deployed one take 1 request, when they are first needed."""
    if settings.fernet_key:
        return FernetKeys(lambda: settings.fernet_key)
    return FernetKeys(lambda: _parameter(settings.fernet_key_parameter))


def _parameter(name: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.store.errors import code, is_passing

    try:
        answer = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)
    except (BotoCoreError, ClientError) as error:
        if is_passing(error):
            raise StoreUnavailable(f"the parameter {name} cannot be read: {code(error)}") from error
        raise FernetKeyUnusable(
            f"[core] fernet_key, the parameter {name}, cannot be read: {code(error)}"
        ) from None
    return str(answer["Parameter"]["Value"])


def _parsed(text: str) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip()) for key in text.split(",")])
    except ValueError:
        raise FernetKeyUnusable(
            "[core] fernet_key is no key: it takes 32 bytes in URL-safe base64, or several such with commas "
            "between"
        ) from None
