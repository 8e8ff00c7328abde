"""An SMTP server that keeps what it is sent, plain or over TLS."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOGIN, PASSWORD = "postmaster", "letters-1912"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One message, as it came."""

    sender: str
    receivers: tuple[str, ...]
    """Those of the envelope: blind copies, too."""
    login: str | None
    """Who logged in; None: nobody."""
    message: EmailMessage


@dataclass(kw_only=True, slots=True)
class Sink:
    """A running server."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)


@contextmanager
def smtp_sink(context: ssl.SSLContext | None = None) -> Iterator[Sink]:
    """Serve until left; with a context over TLS from the first byte."""
    sink = Sink()
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(lambda *streams: _serve(sink, *streams), "127.0.0.1", 0, ssl=context)
    )
    sink.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_rest())
        loop.close()


async def _rest() -> None:
    """Let conversations that were left open come to their ends."""
    open_ones = asyncio.all_tasks() - {asyncio.current_task()}
    for each in open_ones:
        each.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)


async def _serve(sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await _Conversation(sink, reader, writer).run()
    except ConnectionError:  # clients may leave without a word
        return
    finally:
        writer.close()


class _Conversation:
    """What one client says, and the answers."""

    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink, self._reader, self._writer = sink, reader, writer
        self._login: str | None = None
        self._sender = ""
        self._receivers: list[str] = []

    async def run(self) -> None:
        await self._say("220 sink")
        while line := (await self._reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    await self._say("250-sink", "250 AUTH PLAIN")
                case "AUTH":
                    await self._authenticate(rest)
                case "MAIL":
                    self._sender, self._receivers = _address(rest), []
                    await self._say("250 ok")
                case "RCPT":
                    await self._receiver(_address(rest))
                case "DATA":
                    await self._data()
                case "QUIT":
                    await self._say("221 bye")
                    return
                case _:
                    await self._say("250 ok")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()

    async def _authenticate(self, rest: str) -> None:
        _, login, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        if (login, password) != (LOGIN, PASSWORD):
            await self._say("535 no")
            return
        self._login = login
        await self._say("235 ok")

    async def _receiver(self, address: str) -> None:
        if address.startswith("nobody@"):
            await self._say("550 no such user")
            return
        self._receivers.append(address)
        await self._say("250 ok")

    async def _data(self) -> None:
        await self._say("354 go on")
        text = await self._reader.readuntil(b"\r\n.\r\n")
        mail = Mail(
            sender=self._sender,
            receivers=tuple(self._receivers),
            login=self._login,
            message=message_from_bytes(text[:-3], _class=EmailMessage, policy=default),
        )
        self._sink.mails.append(mail)
        await self._say("250 kept")


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate for ``localhost`` that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context
