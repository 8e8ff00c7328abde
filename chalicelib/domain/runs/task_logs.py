"""The size of a task's log: what is kept of it, and how one that goes on is continued; pure."""

MAX_LOG_BYTES = 10_000_000
"""What is kept of one try's log; beyond that it is only in the function's own log (CloudWatch)."""

_CUT_SHORT = b"... the beginning of this log was too long to keep\n"


def continued_log(earlier: bytes, text: bytes, limit: int = MAX_LOG_BYTES) -> bytes:
    """A try's log as it is after a further part; what is too long goes at the front, by whole lines.

    (A sensor's last pokes tell more than its first.)
    """
    surplus = len(earlier) + len(text) - limit
    if surplus <= 0:
        return earlier + text
    line_end = earlier.find(b"\n", surplus)
    return _CUT_SHORT + (earlier[line_end + 1 :] if line_end >= 0 else b"") + text
