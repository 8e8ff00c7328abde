"""User packages really installed by pip, from wheels of the tests' own and without a network."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.testing import UpdraftDag
from chalicelib.user_packages.errors import UserPackagesError
from chalicelib.user_packages.here import use_user_packages
from chalicelib.user_packages.installed import MEBIBYTE, Installed
from chalicelib.user_packages.installing import install_for, install_here
from tests.integration.user_packages.wheels import write_source, write_wheel

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BROUGHT = {
    **dict.fromkeys(("asgiref", "deprecated", "packaging", "python-slugify", "pytz", "tabulate"), "30.0"),
    "python-dateutil": "2.9",
    "requests": "2.31",
    "tenacity": "9.0",
    "typing-extensions": "4.9",
}
"""What Airflow would have brought."""


class Place:
    """A DAGs folder, a state folder and a package index."""

    def __init__(self, folder: Path) -> None:
        self.dags, self.state, self.index = (folder / name for name in ("dags", "state", "index"))
        self.dags.mkdir()
        self.index.mkdir()
        self.told: list[str] = []

    def ask(self, *lines: str) -> None:
        (self.dags / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))

    def install(self, *lines: str) -> Installed:
        if lines:
            self.ask(*lines)
        installed = install_here(self.dags, state_folder=self.state, tell=self.told.append)
        assert installed is not None
        return installed

    def refused(self, *lines: str) -> str:
        with pytest.raises(UserPackagesError) as refused:
            self.install(*lines)
        assert "\n" not in str(refused.value)
        assert str(self.state) not in str(refused.value)
        return str(refused.value)

    def left(self) -> set[str]:
        return {path.name for path in (self.state / "user-packages").iterdir()} - {"lock"}


def names(installed: Installed) -> set[str]:
    return {each.name for each in installed.distributions}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place.index))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))  # of the user's own, for other things
    return place


@pytest.fixture
def with_providers(place: Place) -> Place:
    for name, version in BROUGHT.items():
        write_wheel(place.index, name, version)
    write_wheel(place.index, "apache-airflow", "2.10.5", {"airflow/__init__.py": "raise SystemExit"})
    write_wheel(place.index, "SQLAlchemy", "1.4.54")
    write_wheel(place.index, "SQLAlchemy", "2.0.40")
    for name, needs in (("http", "2.9.0"), ("common-sql", "2.9.0"), ("new", "2.11.0")):
        write_wheel(
            place.index,
            f"apache-airflow-providers-{name}",
            "5.0.0",
            {f"airflow/providers/{name.replace('-', '/')}/__init__.py": ""},
            requires=[f"apache-airflow>={needs}"],
        )
    write_wheel(place.index, "our-dags", "1.0", requires=["apache-airflow-providers-common-sql"])
    return place


def test_what_is_asked_for_is_installed_once_into_a_folder_of_its_own(place: Place) -> None:
    write_wheel(place.index, "lib-a", "1.0", requires=["lib-b"])
    write_wheel(place.index, "lib-b", "2.0", {"large.txt": "x" * 3 * MEBIBYTE})
    first = place.install("lib-a==1.0")
    assert place.told == ["Installing user packages of requirements.txt…"]
    assert first.line() == "User packages: 2 distributions, 3.0 MB (largest: lib-b 3.0 MB, lib-a 0.0 MB)"
    assert (first.folder / "lib_a.py").read_text() == "VERSION = '1.0'\n"
    shutil.rmtree(place.index)  # pip would find nothing any more
    assert place.install() == first
    assert len(place.told) == 1


def test_what_is_no_longer_asked_for_is_removed_unless_it_is_in_use(place: Place) -> None:
    write_wheel(place.index, "lib-a", "1.0")
    write_wheel(place.index, "lib-a", "2.0")
    by_another = subprocess.run(
        [sys.executable, "-c", _INSTALL, *_arguments(place, "lib-a==1.0")], check=True
    )
    assert by_another.returncode == 0
    [old] = place.left()
    used = place.install("lib-a==2.0")
    assert place.left() == {used.folder.parent.name} != {old}
    third = place.install("lib-a")
    assert place.left() == {used.folder.parent.name, third.folder.parent.name}


_INSTALL = """
import sys
from pathlib import Path
from chalicelib.user_packages.installing import install_here
found = install_here(Path(sys.argv[1]), state_folder=Path(sys.argv[2]), tell=print)
print(found.folder, flush=True)
"""


def _arguments(place: Place, *lines: str) -> list[str]:
    place.ask(*lines)
    return [str(place.dags), str(place.state)]


def test_two_processes_at_once_install_once(place: Place) -> None:
    write_wheel(place.index, "lib-a", "1.0")
    command = [sys.executable, "-c", _INSTALL, *_arguments(place, "lib-a")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [each.communicate(timeout=120)[0].splitlines() for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert said[0][-1] == said[1][-1]
    assert sum("Installing" in line for lines in said for line in lines) == 1


def test_airflow_stays_out_and_what_it_would_have_brought_comes(with_providers: Place) -> None:
    installed = with_providers.install("apache-airflow==2.9.3", "apache-airflow-providers-http")
    assert names(installed) == {*BROUGHT, "apache-airflow-providers-http"}
    assert not (installed.folder / "airflow" / "__init__.py").exists()
    assert installed.notes == (
        "requirements.txt, line 1: apache-airflow is left out, Updraft takes its place",
    )


def test_undeclared_needs_and_bounds_count_for_packages_that_only_others_need(with_providers: Place) -> None:
    installed = with_providers.install("our-dags")
    assert [each.version for each in installed.distributions if each.name == "sqlalchemy"] == ["1.4.54"]


def test_conflicts_are_refused_in_one_line_and_leave_nothing(with_providers: Place) -> None:
    said = with_providers.refused("apache-airflow-providers-common-sql", "sqlalchemy==2.0.40")
    assert "requirements.txt asks for sqlalchemy==2.0.40" in said
    assert "provider packages for Airflow 2.10.5 need sqlalchemy<2" in said
    said = with_providers.refused("apache-airflow-providers-new")
    assert "2.11.0" in said
    assert "Updraft stands for Airflow 2.10.5" in said
    assert "pendulum" in with_providers.refused("pendulum==2.1.2")
    assert with_providers.left() == set()


def test_declared_dependencies_can_be_left_out(place: Place) -> None:
    write_wheel(place.index, "pyarrow", "18.0", requires=["not-there"])
    write_wheel(place.index, "lib-a", "1.0", requires=["pyarrow<19,>=14"])
    assert names(place.install("lib-a", "# updraft: without pyarrow")) == {"lib-a"}
    assert "unknown-package" in place.refused("lib-a", "# updraft: without unknown-package")

    write_wheel(place.index, "lib-b", "1.0", {"lib_data/large/one.json": "x", "lib_data/small.json": "x"})
    installed = place.install("lib-b", "# updraft: without lib_data/large")
    assert [path.name for path in (installed.folder / "lib_data").iterdir()] == ["small.json"]
    said = place.refused("lib-b", "# updraft: without lib_data/nothing")
    assert said == "There is no lib_data/nothing in the user packages that could be left out"


def test_a_package_cannot_leave_its_folder_or_take_the_place_of_our_modules(
    place: Place, tmp_path: Path
) -> None:
    write_wheel(place.index, "evil", "1.0", {"../../outside.txt": "x"})
    place.refused("evil")
    write_wheel(place.index, "usurper", "1.0", {"chalicelib/__init__.py": ""})
    assert "modules named chalicelib" in place.refused("usurper")
    assert place.left() == set()
    assert not list(tmp_path.rglob("outside.txt"))
    assert not (tmp_path / "elsewhere").exists()


def test_an_installation_that_was_cut_short_is_begun_anew(place: Place) -> None:
    write_wheel(place.index, "lib-a", "1.0")
    installed = place.install("lib-a")
    cut_short = installed.folder.parent
    cut_short.rename(cut_short.with_name(f"{cut_short.name}.new"))
    (cut_short.with_name(f"{cut_short.name}.new") / "installed.json").unlink()
    assert place.install() == installed
    assert place.left() == {cut_short.name}


def test_for_a_stage_only_wheels_of_its_machine_count(place: Place, tmp_path: Path) -> None:
    tag = f"cp{PYTHON.replace('.', '')}"
    write_wheel(place.index, "fast", "1.0", tag=f"{tag}-{tag}-manylinux_2_17_aarch64.manylinux2014_aarch64")
    write_wheel(place.index, "fast", "2.0", tag=f"{tag}-{tag}-manylinux_2_40_aarch64")
    place.ask("fast")
    into = tmp_path / "arm"
    installed = install_for(place.dags, machine="arm64", python=PYTHON, into=into, tell=place.told.append)
    assert installed is not None
    assert [each.version for each in installed.distributions] == ["1.0"]
    assert {path.name for path in into.iterdir()} == {"fast.py", "fast-1.0.dist-info"}
    with pytest.raises(UserPackagesError, match="fast"):
        install_for(
            place.dags, machine="x86_64", python=PYTHON, into=tmp_path / "x86", tell=place.told.append
        )
    assert not (tmp_path / "x86").exists()


def test_for_a_stage_pure_python_is_built_and_what_has_to_be_compiled_is_named(
    place: Place, tmp_path: Path
) -> None:
    write_source(place.index, "pure", "1.0")
    place.ask("pure")
    into = tmp_path / "arm"
    installed = install_for(place.dags, machine="arm64", python=PYTHON, into=into, tell=place.told.append)
    assert installed is not None
    assert names(installed) == {"pure"}
    assert (into / "pure.py").read_text() == "BUILT = True\n"

    tag = f"cp{PYTHON.replace('.', '')}"
    write_source(place.index, "fast", "1.0", tag=f"{tag}-{tag}-linux_{platform.machine()}")
    place.ask("pure", "fast")
    with pytest.raises(
        UserPackagesError, match=r"no wheel for arm64 and Python .*: fast==1\.0\. Take a version"
    ):
        install_for(place.dags, machine="arm64", python=PYTHON, into=tmp_path / "no", tell=place.told.append)


def test_nothing_is_done_for_a_stage_whose_dags_ask_for_nothing(place: Place, tmp_path: Path) -> None:
    into = tmp_path / "into"
    assert install_for(place.dags, machine="arm64", python=PYTHON, into=into, tell=place.told.append) is None
    assert not into.exists()
    assert place.told == []


def test_a_dag_under_test_finds_the_packages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDRAFT__LOCAL__STATE_DIR", str(place.state))
    write_wheel(place.index, "lib-a", "1.0")
    place.ask("lib-a")
    (place.dags / "file.py").write_text(
        "import lib_a\nfrom airflow import DAG\nfrom airflow.operators.bash import BashOperator\n"
        "with DAG('d', schedule=None):\n    BashOperator(task_id='t', bash_command=f'echo {lib_a.VERSION}')\n"
    )
    updraft_dag = UpdraftDag(place.dags)
    assert updraft_dag("file.py", folder=place.dags).run_task("t", "2026-01-01").state == "success"
    place.ask("-e .")
    with pytest.raises(pytest.fail.Exception, match=r"line 1: '-e \.' cannot be deployed"):
        updraft_dag("file.py", folder=place.dags)


def test_an_environment_that_names_a_folder_is_left_as_it_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPDRAFT__LOCAL__STATE_DIR", str(place.state))
    write_wheel(place.index, "lib-a", "1.0")
    place.ask("lib-a")
    own = {"UPDRAFT__CORE__USER_PACKAGES": "/mine"}
    assert use_user_packages(place.dags, tell=place.told.append, environ=own) is None
    assert own == {"UPDRAFT__CORE__USER_PACKAGES": "/mine"}
    environ: dict[str, str] = {}
    installed = use_user_packages(place.dags, tell=place.told.append, environ=environ)
    assert installed is not None
    assert environ == {"UPDRAFT__CORE__USER_PACKAGES": str(installed.folder)}
