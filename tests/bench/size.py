"""Prints what is deployed and what each function loads: `make size`. Its budgets are in tests/e2e.

The milliseconds are processor time of this machine, for comparing; waiting for AWS does not count.
"""

import os
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.deploy.chalice.program import run_chalice
from chalicelib.deploy.packaging.lambda_package import build_package
from chalicelib.deploy.stages import read_stage
from tests.e2e.stage.cold_starts import ColdStart, functions_of
from tests.e2e.stage.package_contents import MB, Contents, contents
from tests.e2e.stage.project import OPEN, stage_project

PROJECT = Path(__file__).parents[2]
PYTHON = PROJECT / ".venv-emulator" / "bin" / "python"
SHOWN_MB = 0.1
"""What is smaller, zipped, is shown in one sum."""


def main() -> None:
    """Build the package of a clean copy of the project, look into it, and start its functions."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # which Chalice asks for and does not use
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        task, out = scratch / "task", scratch / "out"
        for folder in (task, out):
            folder.mkdir()
        staged = stage_project(PROJECT, scratch / "updraft", adapter_port=0)
        staged.set_stage(OPEN)
        package = build_package(read_stage(staged.directory, staged.stage), out, run_chalice)
        print_contents(contents(package))
        with zipfile.ZipFile(package) as opened:
            opened.extractall(task)
        with functions_of(task, PYTHON, scratch) as functions:
            packaged = functions.cold_starts()
            for bytecode in task.rglob("*.pyc"):
                bytecode.unlink()
            compiling = functions.cold_starts()
        print_cold_starts(packaged, compiling)


def print_contents(packaged: Contents) -> None:
    print(f"\n{'package':<18}{'MB zipped':>10}{'unzipped':>10}")
    row("all", packaged.zipped_mb, packaged.unzipped_mb)
    small = [name for name, size in packaged.zipped.items() if size < SHOWN_MB * MB]
    for name, size in packaged.zipped.items():
        if name not in small:
            row(name, size / MB, packaged.unzipped[name] / MB)
    row(
        f"{len(small)} smaller ones",
        sum(packaged.zipped[name] for name in small) / MB,
        sum(packaged.unzipped[name] for name in small) / MB,
    )


def row(name: str, zipped_mb: float, unzipped_mb: float) -> None:
    print(f"{name:<18}{zipped_mb:>10.1f}{unzipped_mb:>10.1f}")


def print_cold_starts(packaged: dict[str, ColdStart], compiling: dict[str, ColdStart]) -> None:
    """A row per function; the last column is what it would be without the bytecode in the package."""
    print(f"\n{'function':<12}{'imported':>16}{'first event done':>24}{'without bytecode':>18}")
    for name, cold_start in packaged.items():
        imported, answered = cold_start.imported, cold_start.answered
        print(
            f"{name:<12}{len(imported.modules):>5} in {imported.cpu_ms:>4} ms"
            f"{len(answered.modules):>13} in {answered.cpu_ms:>4} ms"
            f"{compiling[name].answered.cpu_ms:>15} ms"
        )


if __name__ == "__main__":
    main()
