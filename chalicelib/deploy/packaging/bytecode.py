"""The bytecode of modules that Lambda cannot write beside them.

Made by this Python, for Chalice chooses Lambda's by it, too; and in a process of its own, for what else a
process has loaded shows in the bytes.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def compiled_below(folder: Path) -> Iterator[Path]:
    """Compile the modules in a folder, beside them; the files with the bytecode, in order.

    The bytecode is never compared with the source again: neither changes on Lambda. A module that is none
    for this Python has none, and fails where it is imported, if it is.
    """
    command = [sys.executable, "-I", "-W", "ignore", "-m", "compileall", "-q", "-q"]
    options = ["-s", str(folder), "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run([*command, *options], check=False)  # noqa: S603 - our own Python; 1 where a module has none
    yield from sorted(folder.rglob("*.pyc"))
