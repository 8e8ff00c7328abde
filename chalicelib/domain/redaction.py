"""``Redactor``: secrets are taken out of texts before these are kept or shown; pure.

Every log line of the product goes through one of these, and so does the reason of a try's end.
"""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"

SHORTEST_MASKED = 5
"""Characters: shorter texts are in too many words to be taken out of logs (Airflow 3's rule)."""

_CREDENTIALS = re.compile(
    r"""(?P<header>(?:authorization|x-amz-security-token)\W{1,8}"""
    r"""(?:(?:basic|bearer|negotiate|digest|token|apikey)\s+)?)(?!aws4-)[^\s"'\\,;&]{8,}"""
    r"""|(?P<short>authorization\W{1,8}(?:basic|bearer|negotiate)\s+)[^\s"'\\,;&]+"""
    r"""|(?P<signed>aws4-hmac-sha256\s+credential=)[^"'\\\r\n]+"""
    r"""|(?P<query>x-amz-(?:signature|credential)=)[^\s"'\\&]+"""
    r"""|(?P<url>://[^\s/:@"']*:)[^\s/@"']+(?=@)""",
    re.IGNORECASE,
)
"""The value of an ``Authorization`` header of any scheme, what signs a request to AWS or a presigned URL of
it, and the password in a URL."""

_SIGNS = ("authorization", "x-amz-", "aws4-hmac-sha256", "://")
"""One of these is in whatever looks like credentials; looking for them is much quicker than for that."""


class Redactor:
    """Puts ``***`` in place of the secrets that it was told, and of what looks like credentials anywhere.

    A secret of several lines is found as a whole and line by line, for that is how it is printed; all are
    also found as JSON, ``repr`` and URLs write them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._is_compiled = True
        for secret in secrets:
            self.add(secret)

    @property
    def longest(self) -> int:
        """Characters of the longest text that is looked for; 0 without any."""
        return max(map(len, self._texts), default=0)

    def add(self, secret: str) -> None:
        """Find that text, too, unless it is too short."""
        found = {form for part in _parts(secret) for form in _forms(part)} - self._texts
        if found:
            self._texts |= found
            self._is_compiled = False

    def redacted(self, text: str) -> str:
        """The text without secrets."""
        pattern = self._compiled()
        if pattern is not None:
            text = pattern.sub(MASK, text)
        return _CREDENTIALS.sub(_masked, text) if _may_show_credentials(text) else text

    def end_of_complete(self, text: str) -> int:
        """How much of a text that goes on can be redacted now: no secret reaches over that index.

        The rest has to be kept until more of the text is there; it is never longer than the longest secret
        (or 4096 characters), unless something that looks like credentials has not ended yet.
        """
        end = max(0, len(text) - max(self.longest, _CONTEXT))
        credentials = _CREDENTIALS.finditer(text) if _may_show_credentials(text) else ()
        spans = [match.span() for match in credentials]
        if (pattern := self._compiled()) is not None:
            spans += [match.span() for match in pattern.finditer(text)]
        for start, stop in sorted(spans, reverse=True):
            if start < end < stop:
                end = start
        return end

    def _compiled(self) -> re.Pattern[str] | None:
        if not self._is_compiled:
            longest_first = sorted(self._texts, key=lambda text: (-len(text), text))
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            self._is_compiled = True
        return self._pattern


_CONTEXT = 4096
"""Characters kept back of a text that goes on: what a header, its scheme and most tokens take."""


def _parts(secret: str) -> set[str]:
    """The secret as a whole and its lines; without those that are too short."""
    parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}
    return {part for part in parts if len(part) >= SHORTEST_MASKED}


def _forms(secret: str) -> set[str]:
    as_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, *as_json, repr(secret)[1:-1], quote(secret, safe=""), quote(secret)}


def _may_show_credentials(text: str) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in _SIGNS)


def _masked(found: re.Match[str]) -> str:
    before = next(group for group in found.groups() if group is not None)
    return f"{before}{MASK}"
