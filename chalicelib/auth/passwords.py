"""Hashes of passwords: bcrypt over an HMAC.

bcrypt takes 72 bytes and stops at a zero byte; the HMAC makes passwords of any length count whole. It
is keyed with the salt, so that a plain SHA-256 leaked elsewhere cannot be tried against the hash (the
construction of passlib's ``bcrypt_sha256``).
"""

import base64
import hmac

_SALT_LENGTH = 29
_DIGEST_LENGTH = 31


def hash_password(password: str, cost: int) -> str:
    """The hash of a password, with a new salt; ``cost`` is bcrypt's."""
    import bcrypt

    salt = bcrypt.gensalt(cost)
    return bcrypt.hashpw(_condensed(password, salt), salt).decode()


def matches(password: str, kept: str) -> bool:
    """Whether a password has that hash; takes as long either way."""
    import bcrypt

    salt = kept[:_SALT_LENGTH].encode()
    return bcrypt.checkpw(_condensed(password, salt), kept.encode())


def decoy(cost: int) -> str:
    """A hash that no password has: checked for user names that do not exist."""
    import bcrypt

    return bcrypt.gensalt(cost).decode() + "." * _DIGEST_LENGTH


def _condensed(password: str, salt: bytes) -> bytes:
    return base64.b64encode(hmac.digest(salt, password.encode(), "sha256"))
