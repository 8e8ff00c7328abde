"""What must be in no log, kept task log or reason: passwords of tests, as such and as sent, and hashes."""

import re

_SECRETS = (
    "lovelace",
    "swordfish",
    "s3cr3t",
    "löve:lace",
    "YWRhOm",  # "ada:" and what follows, in base64
    "YWRhOn",
    "Y29udHJhY3Q6",  # "contract:"
    "$2b$",
)

_LEAK = re.compile("|".join(re.escape(secret) for secret in _SECRETS))


def leak(text: str) -> str | None:
    """The line of a text that holds a secret, if there is one."""
    found = _LEAK.search(text)
    return text[: found.end()].rpartition("\n")[2] if found else None
