"""The folder of user packages: who finds what is in it, before what, and who does not."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from chalicelib.domain.runs.outcomes import TryResult
from chalicelib.settings import USER_PACKAGES
from chalicelib.store.memory import MemoryStore
from chalicelib.user_code.documents_apart import dags_apart
from tests.integration.user_code.trying import Tried, said


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Packages as pip installs them into a folder, another botocore than ours among them."""
    folder = tmp_path / "packages"
    (folder / "offered").mkdir(parents=True)
    (folder / "offered" / "__init__.py").write_text("class Hook: pass\n")
    (folder / "offered" / "kinds.py").write_text("from offered import Hook\nclass S3Hook(Hook): pass\n")
    (folder / "botocore.py").write_text("__version__ = 'of the user'\n")
    (folder / "json.py").write_text("raise RuntimeError('a backport hides the library of Python')\n")
    (folder / "more").mkdir()
    (folder / "more" / "further.py").write_text("")
    (folder / "more.pth").write_text("more\n")
    program = folder / "bin" / "offered-program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho the program of a package\n")
    program.chmod(0o755)
    return folder


def test_a_try_finds_the_user_packages_before_ours_and_after_pythons_library(
    tried: Tried, packages: Path
) -> None:
    tried.environ[USER_PACKAGES] = str(packages)
    tried.write(
        """
        import json, jinja2, offered, botocore, further

        def work():
            return [json.dumps({}), botocore.__version__, offered.__file__]
        """
    )
    assert tried.run().outcome.result is TryResult.SUCCESS
    assert tried.xcoms.returned == ["{}", "of the user", str(packages / "offered" / "__init__.py")]
    assert str(packages) not in sys.path


def test_what_a_try_starts_finds_modules_and_programs_of_user_packages(tried: Tried, packages: Path) -> None:
    (packages / "json.py").unlink()
    tried.environ[USER_PACKAGES] = str(packages)
    report = tried.once(
        f"""
        import subprocess

        def work():
            code = "import offered; print('found it')"
            subprocess.run([{sys.executable!r}, "-c", code], check=True)
            BashOperator(task_id="bash", bash_command="offered-program").execute({{}})
        """
    )
    assert report.outcome.result is TryResult.SUCCESS
    assert {"found it", "the program of a package"} <= {line.rpartition("] ")[2] for line in said(report)}


def test_another_python_sees_user_packages_only_where_it_is_to_see_those_of_tasks(
    tried: Tried, packages: Path
) -> None:
    (packages / "json.py").unlink()
    tried.environ[USER_PACKAGES] = str(packages)
    report = tried.once(
        """
        from airflow.operators.python import PythonVirtualenvOperator

        def find():
            import importlib.util
            return importlib.util.find_spec("offered") is not None

        def work():
            return [
                PythonVirtualenvOperator(
                    task_id=f"of_{number}", python_callable=find, system_site_packages=shared
                ).execute({})
                for number, shared in enumerate([True, False])
            ]
        """
    )
    assert report.outcome.result is TryResult.SUCCESS, report.log.decode()
    assert tried.xcoms.returned == [True, False]


def test_another_folder_of_user_packages_is_seen_by_the_next_try(
    tried: Tried, packages: Path, tmp_path: Path
) -> None:
    """As when a key of ``make run`` changes: the link is the same, and what it names is not."""
    link, others = tmp_path / "current", tmp_path / "others"
    (others / "offered").mkdir(parents=True)
    (others / "offered" / "__init__.py").write_text("")
    link.symlink_to(packages)
    tried.environ[USER_PACKAGES] = str(link)
    tried.write(
        "import offered\nPLACE = os.path.realpath(offered.__file__)\n\ndef work():\n    return PLACE\n"
    )
    tried.settle()
    seen = []
    for folder in (packages, others):
        link.unlink()
        link.symlink_to(folder)
        tried.run()
        seen.append(Path(tried.xcoms.returned).parents[1])
    assert seen == [packages, others]


def test_dag_files_are_loaded_with_user_packages_whose_classes_stay_the_same(
    packages: Path, tmp_path: Path
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    for name, body in {
        "a": "import sys, offered, botocore\nassert botocore.__version__ == 'of the user'\n"
        "sys.first = offered.Hook",
        "b": "import sys\nfor name in ['offered', 'botocore']: sys.modules.pop(name)",
        "c": "import sys, offered.kinds\nassert isinstance(offered.kinds.S3Hook(), sys.first)",
    }.items():
        (dags / f"{name}.py").write_text(dedent(f"from airflow import DAG\n{body}\ndag = DAG({name!r})\n"))
    store = MemoryStore()
    loaded = dags_apart(
        dags,
        variables=store.variables,
        connections=store.connections,
        environment=lambda: {USER_PACKAGES: str(packages)},
    )
    assert loaded.broken == ()
    assert [dag.document["dag_id"] for dag in loaded.dags] == ["a", "b", "c"]


def test_libraries_find_a_home_to_write_to_where_there_is_none(tried: Tried, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    tried.environ |= {"HOME": "/home/of/nobody", "TMPDIR": str(temporary)}
    tried.once(
        """
        from pathlib import Path

        def work():
            (Path.home() / ".snowflake").mkdir()
            return str(Path.home())
        """
    )
    assert tried.xcoms.returned == str(temporary)
