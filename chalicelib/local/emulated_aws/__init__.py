"""The embedded AWS, as a program: ministack's DynamoDB, SQS and S3 behind one port of this machine.

``python -m chalicelib.local.emulated_aws SOCKET LIFELINE STATE_DIR`` serves the listening socket with
that file descriptor until SIGTERM, or until the server that started it is gone (see ``lifeline``). The
environment that ministack reads when it is imported, and the key that requests are signed with, are made
by ``emulator``.

What it adds to ministack, one module each:

- ``gate``: only requests signed with the key get in (``signatures``), and no page of a browser.
- ``keeper``: what was answered is kept. Each change is in a journal (``journal``) before its answer is
  sent; from time to time a forked child writes all that there is to a snapshot (``snapshots``), from which
  the next start goes on (``generations``). ``changes`` knows what a request changed in ministack, takes it
  back if the disk is full, and makes it again from the journal. S3's objects are files of ministack's own.
- ``doorman``: a long poll of SQS answers as soon as a message is sent; ministack looks again only every
  100 ms. Only DynamoDB, SQS and S3 answer; the administrative paths (``/_ministack/reset``...) do not.

What is promised: a change that was answered with success is there after a ``kill -9`` of all processes,
whatever the machine is busy with. After a power cut everything is there that was answered a second before
(``keeper.FLUSHED_WITHIN_SECONDS``), if the disk keeps what ``fsync`` says it kept.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

OBJECTS = "objects"
"""The folder of S3's objects within the state folder."""

LOG = "emulator.log"
"""The log file within the state folder."""
