"""``GatewayServer``: the sockets before the gateway, on asyncio; a bounded number of connections and threads.

One thread waits for all connections, so a slow client costs no more than its bytes. Requests are answered in
threads of a pool, for the app blocks. A client that is alone gets such a thread for itself: mostly it sends
its next request at once, and a change of threads takes longer than reading that. What never reaches the app
is answered in JSON, too.
"""

import asyncio
import contextlib
import logging
import os
import queue
import resource
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol, cast

from chalicelib.local.gateway import HttpAnswer, HttpRequest, json_error
from chalicelib.local.http_reader import Malformed, Phase, Received, RequestReader

_BACKLOG = 128
_LOOK_EVERY_SECONDS = 0.25
_LINGER_SECONDS = 0.02
_READ_AT_ONCE = 65536
_RESET = struct.pack("ii", 1, 0)
"""A linger of no time: the connection is reset."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

logger = logging.getLogger(__name__)


class Gateway(Protocol):
    """Something that answers requests, from many threads at once; it may take its time and never raises."""

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer to a request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WireLimits:
    """The number of clients that are served at a time, and the time that they have."""

    connections: int = 1000
    """Open at a time, and never more than half of the descriptors that the process may open; for a further
    one the connection goes that has been idle for longest."""
    threads: int = 128
    """Requests that are answered at a time; further ones wait for their turn."""
    idle_seconds: float = 75
    """For the first byte of a request; also to take an answer."""
    head_seconds: float = 10
    """From the first byte of a request to the end of its head."""
    silence_seconds: float = 10
    """Between two pieces of a body."""
    body_seconds: float = 60
    """For the whole body."""
    drain_seconds: float = 5
    """After the last answer of a connection, to a client that is still sending: so it can read the answer."""


class GatewayServer:
    """Serves a gateway at an address; raises OSError when the port is taken.

    From its making on clients are answered, with 503 until ``start`` names the gateway. ``stop`` ends it.
    """

    def __init__(self, address: tuple[str, int], limits: WireLimits | None = None) -> None:
        self._listener = socket.create_server(address, backlog=_BACKLOG)
        self.server_address: tuple[str, int] = self._listener.getsockname()[:2]
        self.limits = limits or WireLimits()
        self.is_stopping = False
        self.threads = _Threads(self.limits.threads)
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_report)
        self._gateway: Gateway = _Starting()
        self._connections: set[_Connection] = set()
        self._most_connections = min(self.limits.connections, _most_descriptors() // 2)
        self._busy: set[_Connection] = set()
        self._all_answered = asyncio.Event()
        self._acceptor = self.loop.run_until_complete(
            self.loop.create_server(lambda: _Connection(self), sock=self._listener, backlog=_BACKLOG)
        )
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._thread.start()

    def start(self, gateway: Gateway) -> None:
        """Have the gateway answer from now on."""
        self._gateway = gateway

    def stop(self, grace: float) -> None:
        """Accept nothing more; requests that are being answered get ``grace`` seconds. May be repeated."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(grace), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.threads.stop()

    # What follows is called by connections, in the thread of the loop.

    def opened(self, connection: "_Connection") -> None:
        """A connection begins; another one may have to go."""
        self._connections.add(connection)
        if self.is_stopping:
            connection.end()
        if len(self._connections) <= self._most_connections:
            return
        others = (other for other in self._connections if other.is_idle and other is not connection)
        idle = min(others, key=_idleness, default=None)
        if idle is None:
            connection.give_up(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections; try again")
            return
        self._connections.discard(idle)
        idle.end()

    def closed(self, connection: "_Connection") -> None:
        """A connection is over; the request that it waits for may still be at work."""
        self._connections.discard(connection)

    def serve(self, connection: "_Connection", received: Received) -> None:
        """Have a request answered, and what follows at once; meanwhile the connection is that thread's."""
        is_alone = not self._busy
        self._busy.add(connection)
        if is_alone:
            connection.leave()

        def answer() -> None:
            rest, closes = self._rendered_answer(received)
            if is_alone:
                rest, closes = self._stay(connection, rest, closes)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server was stopped meanwhile
                self.loop.call_soon_threadsafe(connection.answered, rest, closes)

        self.threads.submit(answer)

    def _rendered_answer(self, received: Received) -> tuple[bytes, bool]:
        """An answer to send, and whether it is the connection's last."""
        method = received.request.method
        try:
            answer = self._gateway.answer(received.request)
            closes = self.is_stopping or not received.keeps_open
            return _rendered(answer, method, received.version, closes), closes
        except Exception:  # or the client would wait, and this thread be lost
            logger.exception("a request could not be answered")
            failure = json_error(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")
            return _rendered(failure, method, received.version, closes=True), True

    def _stay(self, connection: "_Connection", rest: bytes, closes: bool) -> tuple[bytes, bool]:
        """Send and answer while the client goes on at once and is alone; gives what is left to do."""
        while not (rest := connection.send(rest)) and not closes:
            following = connection.following(_LINGER_SECONDS) if len(self._busy) == 1 else None
            if following is None:
                break
            rest, closes = self._rendered_answer(following)
        return rest, closes

    def served(self, connection: "_Connection") -> None:
        """An answer is with the client, or there is no client any more."""
        self._busy.discard(connection)
        if self.is_stopping and not self._busy:
            self._all_answered.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._look_after()
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def _look_after(self) -> None:
        now = self.loop.time()
        for connection in [each for each in self._connections if each.deadline < now]:
            connection.expire()
        self.loop.call_later(_LOOK_EVERY_SECONDS, self._look_after)

    async def _wind_up(self, grace: float) -> None:
        self.is_stopping = True
        self.loop.remove_reader(self._listener)
        await self._until_accepted()
        self._acceptor.close()
        for connection in self._connections - self._busy:
            connection.end()
        if self._busy:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_answered.wait(), grace)
        for connection in self._connections:
            connection.end()
        await asyncio.sleep(0)  # sockets are closed in the next round

    async def _until_accepted(self) -> None:
        """Connections that asyncio has accepted come into being in tasks, and there are no other tasks.

        Of a server that is closed meanwhile asyncio would leave them open, without an owner.
        """
        begun = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*begun, return_exceptions=True)


class _Connection(asyncio.Protocol):
    """One client's connection: reads requests, sends answers in their order, stays open in between.

    All of it runs in the thread of the loop, but for ``send`` and ``following``: after ``leave`` they are
    called in the thread that answers, and until ``answered`` the loop closes the connection at most.
    """

    def __init__(self, server: GatewayServer) -> None:
        self.deadline = float("inf")
        self._server = server
        self._loop = server.loop
        self._limits = server.limits
        self._transport: asyncio.Transport
        self._reader: RequestReader
        self._waiting: deque[Received | Malformed] = deque()
        self._is_answering = False
        self._guard = threading.Lock()
        self._descriptor: int | None = None
        self._phase: Phase | None = None
        self._phase_began = 0.0
        self._was_told_to_go_on = False
        self._is_paused = False
        self._is_unsent = False
        self._is_draining = False
        self._has_ended = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it is at work: it reads, or has been answered for good."""
        return not self._is_answering and not self._is_unsent

    @property
    def is_reading(self) -> bool:
        """Whether a part of a request has come."""
        return self._phase in (Phase.HEAD, Phase.BODY)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # one answer at a time
        self._descriptor = transport.get_extra_info("socket").fileno()
        self._reader = RequestReader(source_ip=_address_of(transport))
        self._proceed()
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have come; while a request is answered, no more are taken than have come already."""
        if self._is_draining:
            return
        self._waiting += self._reader.feed(data)
        if self.is_idle:
            self._proceed()
        else:
            self._pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may still want its answers."""
        if self._is_draining:
            return False
        self._end_reading()
        if self.is_idle:
            self._proceed()
        return True

    def connection_lost(self, _exception: Exception | None) -> None:
        """The connection is gone, on either side; its descriptor is closed when this returns."""
        with self._guard:
            self._descriptor = None
        self._server.closed(self)
        if not self._is_answering:
            self._server.served(self)

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it was given."""
        self._is_unsent = True
        self.deadline = self._loop.time() + self._limits.idle_seconds

    def resume_writing(self) -> None:
        """The client has taken it."""
        self._is_unsent = False
        self._sent()

    def leave(self) -> None:
        """Leave the connection to the thread that answers."""
        self._pause_reading()

    def send(self, answer: bytes) -> bytes:
        """Give the system as much of an answer as it takes at once; gives the rest."""
        with self._guard:
            if self._descriptor is None:
                return b""
            try:
                return answer[os.write(self._descriptor, answer) :]
            except OSError:  # it takes nothing now, or never again; the loop sees which
                return answer

    def following(self, seconds: float) -> Received | None:
        """The next request, if it is here within that time; what else is here waits for the loop."""
        if not self._waiting:
            self._waiting += self._reader.feed(self._read(seconds))
        if self._waiting and isinstance(self._waiting[0], Received):
            return cast(Received, self._waiting.popleft())
        return None

    def answered(self, rest: bytes, closes: bool) -> None:
        """Requests were answered; of the last answer there may be a rest to send."""
        self._is_answering = False
        self._server.threads.finished()
        if self._transport.is_closing():
            self._server.served(self)
            return
        if rest:
            self._transport.write(rest)
        self._is_draining = closes
        if not self._is_unsent:
            self._sent()

    def give_up(self, status: int, message: str, method: str = "") -> None:
        """Answer with an error and close."""
        self._transport.write(_rendered(json_error(status, message), method, "1.1", closes=True))
        self._is_draining = True
        if not self._is_unsent:
            self._sent()

    def expire(self) -> None:
        """The client has had its time."""
        if self.is_reading and self.is_idle and not self._is_draining:
            self.give_up(HTTPStatus.REQUEST_TIMEOUT, "Request timeout")
        else:
            self.end()

    def end(self) -> None:
        """Close, whatever the client has not taken yet."""
        if not self._is_unsent:
            self._transport.close()
            return
        # or the system would keep on trying to get rid of what it has taken
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _sent(self) -> None:
        """The client has all that was written."""
        self._server.served(self)
        if self._is_draining:
            self._drain()
        else:
            self._proceed()

    def _proceed(self) -> None:
        """Begin what is next; nothing is being answered."""
        if self._transport.is_closing() or self._is_draining:
            return
        if not self._waiting:
            self._read_on()
            return
        following = self._waiting.popleft()
        self._phase = None
        self._was_told_to_go_on = False
        if isinstance(following, Malformed):
            self.give_up(following.status, following.message, following.method)
            return
        self.deadline = float("inf")
        self._is_answering = True
        self._server.serve(self, following)

    def _read_on(self) -> None:
        if self._has_ended:
            self._transport.close()
            return
        self._resume_reading()
        if self._reader.awaits_continue and not self._was_told_to_go_on:
            self._was_told_to_go_on = True
            self._transport.write(_CONTINUE)
        now = self._loop.time()
        if self._phase is not self._reader.phase:
            self._phase = self._reader.phase
            self._phase_began = now
        self.deadline = self._reading_deadline(now)

    def _reading_deadline(self, now: float) -> float:
        if self._phase is Phase.HEAD:
            return self._phase_began + self._limits.head_seconds
        if self._phase is Phase.BODY:
            return min(now + self._limits.silence_seconds, self._phase_began + self._limits.body_seconds)
        return self._phase_began + self._limits.idle_seconds

    def _drain(self) -> None:
        """Close in such a way that a client which is still sending gets to read the answer."""
        self.deadline = self._loop.time() + self._limits.drain_seconds
        if self._has_ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            self._resume_reading()

    def _read(self, seconds: float) -> bytes:
        """What comes within that time, read past the loop; nothing when that has to look at it."""
        descriptor = self._descriptor
        if descriptor is None:
            return b""
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return b""
        with self._guard:
            if self._descriptor is None:
                return b""
            try:
                data = os.read(self._descriptor, _READ_AT_ONCE)
            except OSError:
                return b""
        if not data:
            self._end_reading()
        return data

    def _end_reading(self) -> None:
        self._has_ended = True
        malformed = self._reader.end()
        if malformed:
            self._waiting.append(malformed)

    def _pause_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()


class _Threads:
    """Daemon threads that do what is submitted: a stop does not wait for a request that hangs.

    A thread more is started when all are at work, up to ``most``. Jobs are submitted from one thread.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._started = 0
        self._unfinished = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Have it done; its end is to be told by ``finished``."""
        self._unfinished += 1
        self._jobs.put(job)
        if self._started < min(self._unfinished, self._most):
            self._started += 1
            threading.Thread(target=self._work, name=f"gateway-{self._started}", daemon=True).start()

    def finished(self) -> None:
        """A job has ended."""
        self._unfinished -= 1

    def stop(self) -> None:
        """End the threads, each after its job."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class _Starting:
    """Answers while there is no gateway yet."""

    def answer(self, _request: HttpRequest) -> HttpAnswer:
        """The request is not looked at."""
        return json_error(
            HTTPStatus.SERVICE_UNAVAILABLE, "Updraft is starting; try again", (("Retry-After", "1"),)
        )


def _address_of(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""  # it is gone already


def _most_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


def _idleness(connection: _Connection) -> tuple[bool, float]:
    """What sorts connections by who is missed least."""
    return connection.is_reading, connection.deadline


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log the errors that asyncio could hand to no caller; a shortage of the system is one line."""
    exception = context.get("exception")
    if isinstance(exception, OSError):
        logger.warning("%s: %s", context["message"], exception)
    else:
        logger.error("%s", context["message"], exc_info=exception)


def _rendered(answer: HttpAnswer, method: str, version: str, closes: bool) -> bytes:
    """An answer as bytes, with what is the wire's of its head."""
    lines = [
        f"HTTP/1.1 {answer.status} {_phrase(answer.status)}",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in answer.headers if name.lower() != "content-length"),
    ]
    # An app answers HEAD without a body; what its length would be for GET is not known.
    is_known = answer.body or method != "HEAD"
    if is_known and _has_body(answer.status):
        lines.append(f"Content-Length: {len(answer.body)}")
    if closes:
        lines.append("Connection: close")
    elif version == "1.0":
        lines.append("Connection: keep-alive")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode()
    return head + answer.body if method != "HEAD" and _has_body(answer.status) else head


def _has_body(status: int) -> bool:
    return status >= HTTPStatus.OK and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
