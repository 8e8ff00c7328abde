"""``start_python``: a Python process that is to load user code, in which the user packages go before others.

It is started anew: what this process has imported, botocore for example, is not there, so that the versions
of the user packages are imported, and nothing of this process's connections is inherited.
"""

import json
import os
import site
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_PROGRAM = """
import json, sys
module, descriptor, user_packages, sys.path[:] = json.loads(sys.argv[1])
from chalicelib.user_code.python_process import put_first
if user_packages:
    put_first(user_packages)
from importlib import import_module
import_module(module).main(descriptor)
"""

_LIBRARY = Path(os.__file__).parent
_OF_PYTHON = frozenset(
    {
        str(_LIBRARY),
        str(_LIBRARY / "lib-dynload"),
        str(_LIBRARY.parent / f"python{sys.version_info.major}{sys.version_info.minor}.zip"),
    }
)
"""Entries of the path where Python's own library is."""


def start_python(
    module: str, descriptor: int, environ: Mapping[str, str], user_packages: Path | None
) -> subprocess.Popen[bytes]:
    """Start a process that calls ``main(descriptor)`` of a module of ours; it leads a session of its own.

    It inherits that descriptor, and has ``environ`` for its environment.
    """
    path = [os.path.abspath(entry) for entry in sys.path]
    arguments = [module, descriptor, None if user_packages is None else str(user_packages), path]
    return subprocess.Popen(  # noqa: S603 - a fixed command of our own
        [sys.executable, "-P", "-c", _PROGRAM, json.dumps(arguments)],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
    )


def put_first(user_packages: str) -> None:
    """Let this process, which has imported Python's library alone, find packages in that folder first.

    Only Python's library goes before it, as before the packages that pip installs: a backport of one of its
    modules hides nothing. The ``.pth`` files of the folder count. What the process starts finds modules and
    programs of the packages, too (``PYTHONPATH``, ``PATH``).
    """
    before = [entry for entry in sys.path if entry != user_packages]
    sys.path[:] = before
    site.addsitedir(user_packages)
    added = [entry for entry in sys.path if entry not in before]
    of_python = [entry for entry in before if entry in _OF_PYTHON]
    sys.path[:] = [*of_python, *added, *(entry for entry in before if entry not in _OF_PYTHON)]
    programs = os.path.join(user_packages, "bin")
    for name, entry, without in (("PYTHONPATH", user_packages, ""), ("PATH", programs, os.defpath)):
        rest = os.environ.get(name, without)
        os.environ[name] = f"{entry}{os.pathsep}{rest}" if rest else entry
