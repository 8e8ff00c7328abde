"""The keeper of what is answered: each change is in the journal before its answer is sent.

A change is made in ministack, noted, and written to the journal by one ``write``; when that fails, for the
disk is full, it is taken back and refused. All this happens between two requests: none sees what may yet be
taken back. The operating system holds what was written, so that a kill of any process loses nothing; a
thread has it put on the disk (``fsync``), many changes at a time. Once the journal is long, a forked child
writes a snapshot, and a new journal goes on from there. Neither is waited for, however slow they are: their
delay makes the files longer, and the next start.
"""

import asyncio
import errno
import logging
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import Any

from chalicelib.local.emulated_aws import changes
from chalicelib.local.emulated_aws.changes import Frame, Noted
from chalicelib.local.emulated_aws.generations import Generations

FLUSHED_WITHIN_SECONDS = 1.0
"""A change waits for the disk if another one has waited so long for it already."""

_FLUSH_EVERY_SECONDS = 0.25
_TRY_AGAIN_EVERY_SECONDS = 1.0
_LONG_JOURNAL = 16 * 2**20
_ROOM = 2**20
"""Bytes that must be free beside what an object takes; twice that, for refused changes to be taken again."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LONGEST_PAUSE_SECONDS = 300.0

logger = logging.getLogger(__name__)


class Change(Enum):
    """What kind of change a request makes."""

    CONTENT = "content"
    """Items and messages: noted one by one."""
    OBJECT = "object"
    """An object of S3: a file of ministack's."""
    OTHER = "other"
    """Anything else; a frame holds it."""


class Keeper:
    """Carries out changes and keeps them; ``run`` is its part that goes on in the background."""

    def __init__(self, folder: Path, generations: Generations, long_journal: int = _LONG_JOURNAL) -> None:
        self._folder = folder
        self._generations = generations
        self._journal = generations.reopen()
        self._least_long = self._long = long_journal
        self._turn = asyncio.Lock()
        self._files: list[str] = []
        self._unflushed_since: float | None = None
        self._flushing_since: float | None = None
        self._flushed = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._rotation: asyncio.Task[None] | None = None
        self._rotate_after = 0.0
        self._pause = _TRY_AGAIN_EVERY_SECONDS
        self._owes_snapshot = False
        self._must_rotate = False
        self._lacked_room = False
        self._is_ending = False
        self.is_refusing = False
        """Whether changes are refused for now, for want of a disk that takes them."""

    async def carry_out(
        self, change: Change, path: str, size: int, ask: Callable[[], Awaitable[Any]]
    ) -> Any | None:
        """What ``ask`` answers once that is kept; None if it cannot be kept, and then it did not happen.

        ``ask`` sends a request with that path and a body of ``size`` bytes to ministack.
        """
        await self._until_the_disk_has_caught_up()
        async with self._turn:
            if self.is_refusing or not self._has_room(change, size):
                return None
            before = Frame.now() if change is Change.OTHER else None
            with changes.noted(path if change is Change.OBJECT else None) as noted:
                try:
                    answer = await ask()
                    self._keep(noted, before)
                except BaseException as error:
                    noted.take_back()
                    if before is not None:
                        before.put_back()
                    if not isinstance(error, OSError):
                        raise
                    self._refuse(error)
                    return None
        return answer

    async def run(self) -> None:
        """Put on the disk what was written, rotate, and look whether a full disk has room again."""
        while not self._is_ending:
            await asyncio.sleep(_FLUSH_EVERY_SECONDS)
            await self._flush()
            if self.is_refusing:
                await self._try_again()
            elif self._journal.size >= self._long or self._owes_snapshot:
                self._rotate()

    async def finish(self) -> None:
        """The last snapshot, once no request is served any more."""
        self._is_ending = True
        if self._rotation is not None:
            await self._rotation
        await self._flush()
        if self._journal.is_empty and not self._owes_snapshot:
            return
        try:
            self._checkpoint()
        except OSError as error:
            logger.warning("No last snapshot could be written (%s); the journal has it all.", error.strerror)

    def _keep(self, noted: Noted, before: Frame | None) -> None:
        """Write to the journal what was noted; raises OSError, and then nothing is written."""
        if noted.failure is not None:
            raise noted.failure
        if noted.files:
            self._files += noted.files
            self._note_unflushed()
        after = Frame.now() if before is not None else None
        if noted.is_wholesale or (before and after and after.is_more_than_a_frame_since(before, noted)):
            self._checkpoint_or_end()
        elif noted.changes:
            self._append(noted.record())
        elif before and after and after.entries != before.entries:
            self._append(after.record())

    def _append(self, record: bytes) -> None:
        self._journal.append(record)
        self._note_unflushed()

    def _note_unflushed(self) -> None:
        if self._unflushed_since is None:
            self._unflushed_since = time.monotonic()

    def _has_room(self, change: Change, size: int) -> bool:
        """Whether an object may be tried: ministack would forget what it could not write of it."""
        if change is not Change.OBJECT:
            return True
        free = shutil.disk_usage(self._folder).free
        if free < _ROOM:
            self._refuse(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        elif free < size + _ROOM and not self._lacked_room:
            logger.error("An object of %d bytes is refused: %s has no room for it.", size, self._folder)
        self._lacked_room = free < size + _ROOM
        return not self._lacked_room

    def _refuse(self, error: OSError) -> None:
        """Take no changes until the disk takes them; said once."""
        # after another error than a full disk's the journal is in an unknown state: a new one is due
        self._must_rotate = self._must_rotate or error.errno not in _FULL
        if self.is_refusing:
            return
        self.is_refusing = True
        what = "The disk is full" if error.errno in _FULL else "The state cannot be written"
        until = "there is room" if error.errno in _FULL else "it can"
        logger.error(
            "%s (%s: %s): changes are refused with 503 until %s. What was answered before is kept.",
            what,
            self._folder,
            error.strerror,
            until,
        )

    async def _try_again(self) -> None:
        """Take changes again if there is room, and all that there is could be written anew if it must be."""
        try:
            await asyncio.to_thread(_probe, self._folder)
            if self._must_rotate:
                self._checkpoint()
        except OSError:
            await asyncio.sleep(_TRY_AGAIN_EVERY_SECONDS)
            return
        self.is_refusing = self._must_rotate = False
        logger.error("The state can be written again: changes are taken.")

    async def _until_the_disk_has_caught_up(self) -> None:
        while not self.is_refusing and self._flush_is_late():
            await self._flushed.wait()

    def _flush_is_late(self) -> bool:
        since = self._flushing_since or self._unflushed_since
        return since is not None and time.monotonic() - since > FLUSHED_WITHIN_SECONDS

    async def _flush(self) -> None:
        """Put on the disk what was written until now: objects first, which items refer to."""
        async with self._flushing:
            if self._unflushed_since is None:
                return
            self._flushing_since, self._unflushed_since = self._unflushed_since, None
            files, self._files = self._files, []
            try:
                await asyncio.to_thread(_flush_files, files)
                await asyncio.to_thread(self._journal.flush)
            except OSError as error:
                self._distrust_journal(error)
            finally:
                self._flushing_since = None
        self._flushed.set()
        self._flushed = asyncio.Event()

    def _distrust_journal(self, error: OSError) -> None:
        """After a failed ``fsync`` it is not known what is on the disk; asking again would not tell."""
        self._must_rotate = True
        self._refuse(error)

    def _rotate(self) -> None:
        is_under_way = self._rotation is not None and not self._rotation.done()
        if not is_under_way and not self._is_ending and time.monotonic() >= self._rotate_after:
            self._rotation = asyncio.create_task(self._rotate_from_a_fork())

    async def _rotate_from_a_fork(self) -> None:
        """Begin a generation; a child writes its snapshot, as of the instant of the fork."""
        async with self._flushing:
            try:
                await asyncio.to_thread(self._journal.flush)
                self._journal.flush()  # the little that came meanwhile
            except OSError as error:
                self._distrust_journal(error)
                return
            try:
                self._begin()
            except OSError as error:
                self._put_off(error.strerror)
                return
            child = self._fork()
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            self._put_off(os.strerror(code) if code > 0 else f"signal {-code}")
            return
        try:
            self._settle()
        except OSError as error:
            self._put_off(error.strerror)

    def _begin(self) -> None:
        """Go on in a new journal; the one before is on the disk. Raises OSError, and then nothing changed."""
        fresh = self._generations.begin()
        self._journal.close()
        self._journal = fresh

    def _settle(self) -> None:
        """A snapshot is in place: remove what it makes superfluous; raises OSError."""
        self._generations.tidy()
        self._owes_snapshot = False
        self._pause = _TRY_AGAIN_EVERY_SECONDS
        self._long = max(self._least_long, self._generations.snapshot_size())

    def _put_off(self, reason: str | None) -> None:
        """Try again later; the journal goes on until then. Said once."""
        if not self._owes_snapshot:
            logger.error("No snapshot could be written (%s); the journal goes on, and keeps it all.", reason)
        self._owes_snapshot = True
        self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 4)
        self._rotate_after = time.monotonic() + self._pause

    def _fork(self) -> int:
        """The pid of a child that writes the snapshot; it exits with 0, or with the number of an error."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.set_wakeup_fd(-1)  # or a signal to the child would look like one to the parent
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.nice(5)
            self._generations.complete(changes.states)
            code = 0
        except OSError as error:
            code = error.errno or 1
        except BaseException:
            logger.exception("a snapshot could not be written")
        finally:
            os._exit(code)

    def _checkpoint(self) -> None:
        """A generation and its snapshot, written here and now; raises OSError."""
        if not self._must_rotate:
            self._journal.flush()
        self._begin()
        self._generations.complete(changes.states)
        self._settle()

    def _checkpoint_or_end(self) -> None:
        """Keep a change that has no record, and that cannot be taken back either."""
        try:
            self._checkpoint()
        except OSError as error:
            logger.critical(
                "A change of whole tables could not be kept (%s): the embedded AWS ends.", error.strerror
            )
            os._exit(1)


def _probe(folder: Path) -> None:
    """Write and flush as much as there must be room for; raises OSError."""
    path = folder / "probe.new"
    try:
        with path.open("wb") as file:
            file.write(bytes(2 * _ROOM))
            file.flush()
            os.fsync(file.fileno())
    finally:
        path.unlink(missing_ok=True)


def _flush_files(paths: list[str]) -> None:
    """Have files, and their names, on the disk; files that are gone again do not matter."""
    for path in dict.fromkeys([*paths, *(os.path.dirname(path) for path in paths)]):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
