"""Texts that may be too large for an item or a message: kept inline, or by reference to the bucket."""

from dataclasses import dataclass

INLINE_LIMIT = 16 * 1024
"""Bytes of UTF-8 that stay inline: ten messages of that size still fit one SQS batch (256 KiB)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """A text, or the key of the S3 object that holds it; exactly one of the two is set."""

    text: str | None = None
    reference: str | None = None


def fits_inline(text: str) -> bool:
    """Whether a text may stay in its item and travel in messages."""
    return len(text) <= INLINE_LIMIT and len(text.encode()) <= INLINE_LIMIT
