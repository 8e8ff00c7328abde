"""The state of the process that one DAG file must not spoil for the next: Airflow loads each in its own."""

import contextlib
import gc
import locale
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.authoring.running.time_limits import in_main_thread
from chalicelib.settings import user_packages_folder

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM)
_LASTING = ({name.partition(".")[0] for name in sys.modules} | sys.stdlib_module_names) - {"airflow"}
"""Packages whose modules are the process's, as are user packages; those of DAGs folders come and go."""


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Put back what the code inside changes of the aspects below, whatever it raises."""
    before = [read() for read, _ in _ASPECTS]
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for (_, put_back), value in zip(_ASPECTS, before, strict=True):
            put_back(value)


def _put_back_directory(directory: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # the code has removed it: there is none to go back to
        os.chdir(directory)


def _put_back_environment(environment: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _put_back_import_paths(paths: tuple[list[str], list[Any], list[Any]]) -> None:
    if sys.path_hooks != paths[2]:
        sys.path_importer_cache.clear()  # it has what other hooks found, and what none did
    sys.path[:], sys.meta_path[:], sys.path_hooks[:] = paths


def _modules() -> dict[str, Any]:
    lasting = _LASTING | _names_in(user_packages_folder(os.environ))
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in lasting}


@cache
def _names_in(user_packages: Path | None) -> frozenset[str]:
    """The packages and modules of that folder; those below ``airflow`` are the import names' matter."""
    if user_packages is None:
        return frozenset()
    return frozenset(name.partition(".")[0] for name in os.listdir(user_packages)) - {"airflow"}


def _put_back_streams(streams: tuple[Any, Any, Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _signal_handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS} if in_main_thread() else {}


def _put_back_signal_handlers(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


_ASPECTS: tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...] = (
    (os.getcwd, _put_back_directory),
    (lambda: dict(os.environ), _put_back_environment),
    (lambda: (list(sys.path), list(sys.meta_path), list(sys.path_hooks)), _put_back_import_paths),
    (_modules, sys.modules.update),
    (lambda: (sys.stdin, sys.stdout, sys.stderr), _put_back_streams),
    (_signal_handlers, _put_back_signal_handlers),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: logging.root.manager.disable, logging.disable),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (gc.isenabled, lambda was_enabled: gc.enable() if was_enabled else gc.disable()),
)
"""What is read before, and how it is put back."""
