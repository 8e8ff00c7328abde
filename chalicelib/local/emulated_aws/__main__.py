"""The process of the embedded AWS: takes up its state, and serves until told to stop."""

import asyncio
import logging
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from chalicelib.local.emulated_aws import LOG, AsgiApp, changes
from chalicelib.local.emulated_aws.doorman import Doorman
from chalicelib.local.emulated_aws.gate import Gate
from chalicelib.local.emulated_aws.generations import Damaged, Generations
from chalicelib.local.emulated_aws.keeper import Keeper
from chalicelib.local.emulated_aws.signatures import ACCESS_KEY_VARIABLE, SECRET_KEY_VARIABLE, Key, Verifier
from chalicelib.local.emulated_aws.snapshots import DamagedSnapshot

logger = logging.getLogger("chalicelib.local.emulated_aws")


def main() -> None:
    """Serve until told to stop; exit code 1 and one line on stderr when the state cannot be read."""
    socket_fd, lifeline, state_dir = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    os.umask(0o077)
    os.set_inheritable(socket_fd, False)
    key = _key()
    _log_to(state_dir / LOG)
    ministack = import_module("ministack.app")
    for name in changes.SERVICES:
        ministack._get_module(name)
    try:
        keeper = Keeper(state_dir, _take_up(state_dir))
    except (Damaged, OSError) as error:
        logger.error("%s", error)
        sys.exit(1)
    changes.watch()
    doorman = Doorman(ministack.app, keeper)
    gate = Gate(doorman, Verifier(key, _hosts(socket_fd), lambda: datetime.now(UTC)))
    asyncio.run(_serve(gate, doorman, socket_fd, lifeline, keeper))


def _key() -> Key:
    """The key that requests are signed with; ministack is not to take it for its own settings."""
    return Key(access_key_id=os.environ.pop(ACCESS_KEY_VARIABLE), secret=os.environ.pop(SECRET_KEY_VARIABLE))


def _take_up(folder: Path) -> Generations:
    """Give ministack the state that the folder holds; raises ``Damaged``, OSError."""
    generations = Generations(folder)
    kept = generations.load()
    try:
        changes.restore(kept.states, kept.records)
    except DamagedSnapshot as error:
        raise Damaged(f"The saved state in {folder} cannot be read: {error}.") from error
    if kept.bytes_left_out:
        logger.error(
            "The last %d bytes of the journal had not reached the disk, as after a power cut: what was "
            "answered in the last second before is lost.",
            kept.bytes_left_out,
        )
    generations.tidy()
    return generations


def _hosts(socket_fd: int) -> frozenset[str]:
    with socket.socket(fileno=os.dup(socket_fd)) as listener:
        port = listener.getsockname()[1]
    return frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})


def _log_to(path: Path) -> None:
    """ministack's log goes to a file; our own errors to the terminal as well."""
    logging.raiseExceptions = False  # on a full disk, a line that cannot be logged is no second trouble
    path.unlink(missing_ok=True)
    logging.basicConfig(
        filename=path, level=logging.WARNING, format="%(asctime)s %(levelname)s [%(name)s] %(message)s"
    )
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_OneLine("%(message)s"))
    logger.addHandler(terminal)


class _OneLine(logging.Formatter):
    """The message and the error's text, without a stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        cause = f": {record.exc_info[1]}" if record.exc_info else ""
        return record.getMessage() + cause


async def _serve(app: AsgiApp, doorman: Doorman, socket_fd: int, lifeline: int, keeper: Keeper) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_reader(lifeline, _stop_reading, loop, lifeline, stop)
    config = Config()
    config.bind = [f"fd://{socket_fd}"]
    config.keep_alive_timeout = 3600
    config.graceful_timeout = 1
    config.loglevel = "ERROR"
    keeping = asyncio.create_task(keeper.run())
    keeping.add_done_callback(lambda _: stop.set())  # nothing is kept without it

    async def until_stopped() -> None:
        await stop.wait()
        doorman.end_long_polls()

    await serve(app, config, shutdown_trigger=until_stopped)  # type: ignore[arg-type]  # its own ASGI types
    await keeper.finish()
    await keeping


def _stop_reading(loop: asyncio.AbstractEventLoop, lifeline: int, stop: asyncio.Event) -> None:
    loop.remove_reader(lifeline)
    stop.set()


if __name__ == "__main__":
    main()
