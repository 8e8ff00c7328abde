"""Provider packages among the user packages, as a process apart finds them."""

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.errors import UpdraftError
from chalicelib.settings import user_packages_folder
from chalicelib.user_code.frames import BrokenChannel, channel_pair
from chalicelib.user_code.python_process import start_python

_PROCESS = "chalicelib.user_code.provider_packages_process"
_PATIENCE_SECONDS = 600.0
"""What it may take to import hooks of all packages on a busy machine."""


class NothingTold(UpdraftError):
    """The process that looks at provider packages ended without an answer."""

    code = "provider_packages_unknown"

    def __init__(self) -> None:
        super().__init__("The process that looks at provider packages ended; what it said is above")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderPackage:
    """An installed provider package."""

    package_name: str
    version: str
    data: Mapping[str, Any]
    """What it says of itself (``get_provider_info``)."""


def provider_packages(environ: Mapping[str, str]) -> tuple[ProviderPackage, ...]:
    """The installed ones, by name, in the user packages that an environment names.

    Raises ``NothingTold``, and ``SettingError`` for a folder that is not there.
    """
    return tuple(ProviderPackage(**each) for each in _ask(environ, "providers"))


def provider_hooks(environ: Mapping[str, str]) -> list[dict[str, str]]:
    """The hooks of their connection types, with Airflow's names for what is told of each."""
    hooks: list[dict[str, str]] = _ask(environ, "hooks")
    return hooks


def import_failures(environ: Mapping[str, str], names: Sequence[tuple[str, str]]) -> list[str]:
    """Per module, and name in it or nothing, why it cannot be imported; empty if it can."""
    failures: list[str] = _ask(environ, "imports", list(names))
    return failures


def _ask(environ: Mapping[str, str], what: str, about: Any = None) -> Any:
    channel, theirs = channel_pair(_PATIENCE_SECONDS)
    with contextlib.closing(channel):
        with theirs:
            process = start_python(_PROCESS, theirs.fileno(), environ, user_packages_folder(environ))
        try:
            channel.send({"op": what}, json.dumps(about))
            answer = channel.receive()
        except (BrokenChannel, OSError) as error:
            raise NothingTold from error
        finally:
            _end(process)
    if answer is None:
        raise NothingTold
    return json.loads(answer[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
