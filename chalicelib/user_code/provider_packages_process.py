"""The process that looks at installed provider packages: it sees the user packages, and runs their code.

It takes one frame, ``{"op": …}``, and answers with one, whose text is JSON.
"""

import importlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.provider_packages.installed import installed_providers
from chalicelib.authoring.provider_packages.providers_manager import ProvidersManager
from chalicelib.user_code.frames import Channel
from chalicelib.user_code.process_tree import die_with_parent

_LONGEST_REASON = 300


def main(descriptor: int) -> None:
    """Be that process; the descriptor is its socket."""
    die_with_parent()
    os.dup2(2, 1)  # what packages print goes to standard error
    channel = Channel(socket.socket(fileno=descriptor))
    asked = channel.receive()
    if asked is not None:
        header, text = asked
        channel.send({}, json.dumps(_ANSWERS[header["op"]](json.loads(text)), default=str))


def _providers(_: Any) -> list[Mapping[str, Any]]:
    return [
        {"package_name": name, "version": provider.version, "data": provider.data}
        for name, provider in installed_providers().items()
    ]


def _hooks(_: Any) -> list[Mapping[str, Any]]:
    return [
        {
            "connection_type": connection_type,
            "class": hook.hook_class_name,
            "conn_id_attribute_name": hook.connection_id_attribute_name,
            "package_name": hook.package_name,
            "hook_name": hook.hook_name,
        }
        for connection_type, hook in sorted(ProvidersManager().hooks.items())
        if hook is not None
    ]


def _imports(names: list[tuple[str, str]]) -> list[str]:
    """Per module and name in it why it cannot be imported; empty if it can."""
    return [_why_not(module, name) for module, name in names]


def _why_not(module: str, name: str) -> str:
    try:
        with finder.importable():
            found = importlib.import_module(module)
            if name and not hasattr(found, name):
                if not hasattr(found, "__path__"):
                    return f"{module} of the installed version has no {name}"
                importlib.import_module(f"{module}.{name}")
    except (Exception, SystemExit) as error:  # code of others may raise anything
        return f"{type(error).__name__}: {' '.join(str(error).split())[:_LONGEST_REASON]}"
    return ""


_ANSWERS: Mapping[str, Callable[[Any], Any]] = {"providers": _providers, "hooks": _hooks, "imports": _imports}
