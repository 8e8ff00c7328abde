"""The layer made of installed user packages: what is in it; the same packages make the same bytes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from chalicelib.deploy.packaging.binaries import MACHINES, UnfitPackage
from chalicelib.deploy.packaging.layer import build_layer, layer_contents
from chalicelib.deploy.stages import Stage
from chalicelib.settings import Settings
from tests.unit.deploy.packages_in_place import in_place

GREETING = "TEXT = 'hello'\n"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return stage_in(tmp_path / "updraft", "x86_64")


def stage_in(project: Path, architecture: str) -> Stage:
    (project / ".chalice").mkdir(parents=True)
    config = {"lambda_architecture": architecture, "stages": {"dev": {}}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    settings = Settings.from_environ({"UPDRAFT__AWS__STAGE": "dev"})
    return Stage(name="dev", project=project, variables={}, settings=settings)


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01" + bytes(12) + machine.to_bytes(2, "little") + b"the rest"


def test_all_lies_below_a_folder_that_lambda_puts_on_no_path(tmp_path: Path, stage: Stage) -> None:
    folder = tmp_path / "installed"
    contents = in_place(folder, stage, greeting=GREETING)
    with ZipFile(build_layer(contents, stage).path) as layer:
        assert layer.namelist() == [
            "user-packages/greeting-1.0.dist-info/METADATA",
            "user-packages/greeting-1.0.dist-info/RECORD",
            "user-packages/greeting.py",
            f"user-packages/__pycache__/greeting.{sys.implementation.cache_tag}.pyc",
        ]
        assert layer.read("user-packages/greeting-1.0.dist-info/RECORD") == b"greeting.py,,\n"
        modes = {entry.external_attr >> 16 & 0o777 for entry in layer.infolist()}
    assert modes == {0o644}


def test_python_loads_the_bytecode_of_the_layer_and_compiles_nothing(tmp_path: Path, stage: Stage) -> None:
    contents = in_place(tmp_path / "installed", stage, greeting=GREETING, of_python_2="print 'hello'\n")
    with ZipFile(build_layer(contents, stage).path) as layer:
        layer.extractall(tmp_path / "opt")
    packages = tmp_path / "opt" / "user-packages"
    (packages / "greeting.py").write_text("this is no longer what was compiled")
    said = subprocess.run(
        [sys.executable, "-c", "import greeting; print(greeting.TEXT)"],
        env={"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "hello\n"


def test_the_same_packages_make_the_same_bytes_wherever_and_whenever(tmp_path: Path, stage: Stage) -> None:
    first = in_place(tmp_path / "first", stage, greeting=GREETING, farewell="def bye(): return {'a', 'b'}\n")
    again = in_place(tmp_path / "again", stage, farewell="def bye(): return {'a', 'b'}\n", greeting=GREETING)
    programs = tmp_path / "again" / "bin"
    programs.mkdir()
    (programs / "greet").write_text("#!/home/ada/.venv/bin/python\n")
    (tmp_path / "again" / "__pycache__").mkdir()
    (tmp_path / "again" / "__pycache__" / "greeting.cpython-310.pyc").write_bytes(b"of another Python")
    os.utime(tmp_path / "again" / "greeting.py", (0, 0))
    again = layer_contents(again.installed, stage)
    bytes_of_first = build_layer(first, stage).path.read_bytes()
    (stage.project / ".chalice" / "layers" / "dev.zip").unlink()

    assert again.digest == first.digest
    assert build_layer(again, stage).path.read_bytes() == bytes_of_first


def test_other_contents_or_another_machine_are_another_layer(tmp_path: Path, stage: Stage) -> None:
    contents = in_place(tmp_path / "installed", stage, greeting=GREETING)
    other = in_place(tmp_path / "other", stage, greeting="TEXT = 'bye'\n")
    on_arm = layer_contents(contents.installed, stage_in(tmp_path / "arm", "arm64"))
    assert len({contents.digest, other.digest, on_arm.digest}) == 3


def test_a_layer_is_made_once_for_its_contents(tmp_path: Path, stage: Stage) -> None:
    contents = in_place(tmp_path / "installed", stage, greeting=GREETING)
    path = build_layer(contents, stage).path
    made = path.stat().st_mtime_ns
    build_layer(contents, stage)
    assert path.stat().st_mtime_ns == made
    build_layer(in_place(tmp_path / "other", stage, farewell=GREETING), stage)
    with ZipFile(path) as layer:
        assert "user-packages/farewell.py" in layer.namelist()
    path.write_bytes(b"half a z")  # of a process that was killed
    assert build_layer(contents, stage).unpacked_bytes > len(GREETING)


def test_a_binary_for_another_machine_is_refused_by_its_name(tmp_path: Path, stage: Stage) -> None:
    contents = in_place(tmp_path / "installed", stage, greeting=GREETING)
    for name, machine in (("ours", "x86_64"), ("theirs", "arm64")):
        (tmp_path / "installed" / name).mkdir()
        (tmp_path / "installed" / name / "_c.so").write_bytes(elf(MACHINES[machine]))
    contents = layer_contents(contents.installed, stage)
    with pytest.raises(UnfitPackage, match=r"^Not for x86_64: theirs/_c\.so\."):
        build_layer(contents, stage)
    assert not (stage.project / ".chalice" / "layers" / "dev.zip").exists()


def test_packages_that_leave_no_room_for_bytecode_go_without(tmp_path: Path, stage: Stage) -> None:
    contents = in_place(tmp_path / "installed", stage, greeting=GREETING)
    assert contents.has_bytecode
    with (tmp_path / "installed" / "model.bin").open("wb") as large:
        large.truncate(200_000_000)
    crowded = layer_contents(contents.installed, stage)
    assert not crowded.has_bytecode
    assert crowded.digest != contents.digest
    with ZipFile(build_layer(replace(contents, has_bytecode=False), stage).path) as layer:
        assert not [name for name in layer.namelist() if name.endswith(".pyc")]


def test_a_botocore_among_the_packages_describes_every_service_that_user_code_may_call(
    tmp_path: Path, stage: Stage
) -> None:
    described = "botocore/data/athena/2017-05-18/service-2.json.gz"
    assert not in_place(tmp_path / "without", stage, greeting=GREETING).has_botocore
    folder = tmp_path / "installed"
    for name in ("botocore/__init__.py", described):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    contents = in_place(folder, stage, greeting="import botocore")
    assert contents.has_botocore
    with ZipFile(build_layer(contents, stage).path) as layer:
        assert f"user-packages/{described}" in layer.namelist()
