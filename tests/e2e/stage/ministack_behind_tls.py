"""ministack as a program, with what it lacks. Run by the path of this file, beside nothing but ministack.

- As if TLS ended before it all requests count as encrypted: it has no TLS of its own that functions would
  trust, and refuses what policies deny without (``aws:SecureTransport``).
- A function's layers are not unpacked to ``/opt``, which all of this machine's processes would see, but each
  to a folder of its own. A function that has user packages in one is told where, as if that were ``/opt``.
"""

import os
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime

_pin = iam_evaluator.pin_request_origin


def _pin_as_encrypted(source_ip: str, _secure_transport: bool) -> None:
    _pin(source_ip, True)


def _start_function(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
    folders = filter(None, env.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    for packages in (Path(folder) / "user-packages" for folder in folders):
        if packages.is_dir():
            env = env | {"UPDRAFT__CORE__USER_PACKAGES": str(packages)}
    return subprocess.Popen(command, env=env, **options)


iam_evaluator.pin_request_origin = _pin_as_encrypted
lambda_runtime.subprocess = SimpleNamespace(**vars(subprocess) | {"Popen": _start_function})
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
