"""Scripts that call one function of a DAG file in another Python: of an environment, a container, a pod.

Provider packages write them by Airflow's names, for ``@task.docker`` for example.
"""

import ast
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from chalicelib.authoring.conveniences.processes import execute_in_subprocess
from chalicelib.settings import user_packages_folder

_ARGUMENTS = """with open(sys.argv[1], "rb") as _file:
    _given = {pickler}.load(_file)
"""

_NO_ARGUMENTS = """_given = {"args": [], "kwargs": {}}
"""

_TEXTS = """with open(sys.argv[3]) as _file:
    virtualenv_string_args = [_line.strip() for _line in _file]
"""

_MODULE = """import types

{module} = types.ModuleType("{module}")
{module}.{name} = {name}
sys.modules["{module}"] = {module}
"""

_SCRIPT = """from __future__ import annotations

import {pickler}
import sys

{texts}
{source}

{module}
{arguments}
try:
    _result = {name}(*_given["args"], **_given["kwargs"])
except Exception as _error:
    with open(sys.argv[4], "w") as _file:
        _file.write(str(_error))
    raise
with open(sys.argv[2], "wb") as _file:
    if _result is not None:
        {pickler}.dump(_result, _file)
"""
"""Its arguments are the files of the function's arguments, its result, texts and the error."""


class _Picklers(Mapping[str, Any]):
    """The libraries that can pickle arguments and results, imported when one is asked for."""

    _names = ("pickle", "dill", "cloudpickle")

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return import_module(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


_SERIALIZERS = _Picklers()
"""By the names that operators take as ``serializer``; Airflow's name of it, which provider packages use."""


def python_source(function: Callable[..., Any]) -> str:
    """The source of a function, without the decorators that make a task of it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        definition.decorator_list = [each for each in definition.decorator_list if not _makes_task(each)]
    return ast.unparse(tree)


def write_python_script(
    jinja_context: Mapping[str, Any],
    filename: str,
    render_template_as_native_obj: bool = False,  # noqa: ARG001 - Airflow's signature
) -> None:
    """Write the script that calls a function, described by the values that Airflow's template has.

    Those are ``python_callable``, ``python_callable_source``, ``pickling_library``, ``op_args``,
    ``op_kwargs``, and if wanted ``string_args_global`` and ``modified_dag_module_name``.
    """
    pickler, name = jinja_context["pickling_library"], jinja_context["python_callable"]
    module = jinja_context.get("modified_dag_module_name")
    has_arguments = jinja_context["op_args"] or jinja_context["op_kwargs"]
    script = _SCRIPT.format(
        pickler=pickler,
        texts=_TEXTS if jinja_context.get("string_args_global", True) else "",
        source=jinja_context["python_callable_source"],
        module=_MODULE.format(module=module, name=name) if module else "",
        arguments=_ARGUMENTS.format(pickler=pickler) if has_arguments else _NO_ARGUMENTS,
        name=name,
    )
    Path(filename).write_text(script)


def prepare_virtualenv(
    venv_directory: str,
    python_bin: str | None,
    system_site_packages: bool,
    requirements: list[str] | None = None,
    requirements_file_path: str | None = None,
    pip_install_options: list[str] | None = None,
    index_urls: list[str] | None = None,
) -> str:
    """Make a virtual environment, install packages into it, and give the path of its Python.

    With ``system_site_packages`` the user packages are behind those of the environment, as if they were in
    the Python that runs tasks. Raises ``ValueError`` for both a list and a file of requirements,
    ``CalledProcessError`` where the environment cannot be made.
    """
    if requirements is not None and requirements_file_path is not None:
        raise ValueError("Either requirements OR requirements_file_path has to be passed, but not both")
    wanted = ["-r", requirements_file_path] if requirements_file_path else list(requirements or ())
    options = [
        *(["--system-site-packages"] if system_site_packages else []),
        *([] if wanted else ["--without-pip"]),
    ]
    base, python = python_bin or sys.executable, f"{venv_directory}/bin/python"
    environment = environment_for(python)
    execute_in_subprocess([base, "-m", "venv", *options, venv_directory], env=environment)
    packages = user_packages_folder(os.environ)
    if packages is not None and system_site_packages and base == sys.executable:
        (site_packages,) = Path(venv_directory).glob("lib/python*/site-packages")
        (site_packages / "user_packages.pth").write_text(f"{packages}\n")
    if wanted:
        indexes = index_options(index_urls)
        execute_in_subprocess(
            [python, "-m", "pip", "install", *indexes, *(pip_install_options or ()), *wanted],
            env=environment,
        )
    return python


def environment_for(python: str) -> dict[str, str]:
    """This process's environment for a Python, which only sees the user packages if it runs tasks.

    They would go before what another one, or a virtual environment, has itself.
    """
    environment, packages = dict(os.environ), user_packages_folder(os.environ)
    if packages is None or os.path.abspath(python) == sys.executable:
        return environment
    entries = environment.pop("PYTHONPATH", "").split(os.pathsep)
    left = [entry for entry in entries if entry and entry != str(packages)]
    return environment | ({"PYTHONPATH": os.pathsep.join(left)} if left else {})


def index_options(index_urls: list[str] | None) -> list[str]:
    """Options of pip for these indexes; None: as it is configured, an empty list: from none."""
    if index_urls is None:
        return []
    first, *others = index_urls or [""]
    return (
        [f"--index-url={first}", *(f"--extra-index-url={url}" for url in others)] if first else ["--no-index"]
    )


def _makes_task(decorator: ast.expr) -> bool:
    """Whether a decorator is one of ``@task…``, ``@setup`` and ``@teardown``."""
    return ast.unparse(decorator).partition("(")[0].split(".")[0] in ("task", "setup", "teardown")
