"""Functions that run in another Python: one of a virtual environment of their own, or one that is there."""

import inspect
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from chalicelib.authoring.conveniences.processes import execute_in_subprocess
from chalicelib.authoring.dates import as_utc
from chalicelib.authoring.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DeserializingResultError,
)
from chalicelib.authoring.operators.branch import BranchMixIn
from chalicelib.authoring.operators.python import PythonOperator
from chalicelib.authoring.operators.python_scripts import (
    _SERIALIZERS,
    environment_for,
    index_options,
    prepare_virtualenv,
    python_source,
    write_python_script,
)
from chalicelib.authoring.running.callables import accepted_arguments
from chalicelib.authoring.running.lazy_values import as_kept
from chalicelib.settings import user_packages_folder

if TYPE_CHECKING:
    from chalicelib.authoring.running.context import Context

_PLAIN = frozenset(
    {
        *("ds", "ds_nodash", "next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash"),
        *("tomorrow_ds", "tomorrow_ds_nodash", "yesterday_ds", "yesterday_ds_nodash"),
        *("ts", "ts_nodash", "ts_nodash_with_tz", "run_id", "task_instance_key_str", "test_mode"),
        *("expanded_ti_count", "inlets", "map_index_template", "outlets", "params", "templates_dict"),
    }
)
_DATES = frozenset(
    {
        *("data_interval_end", "data_interval_start", "execution_date", "logical_date"),
        *("next_execution_date", "prev_data_interval_end_success", "prev_data_interval_start_success"),
        *("prev_execution_date", "prev_execution_date_success", "prev_start_date_success"),
        "prev_end_date_success",
    }
)


class _OtherPythonOperator(PythonOperator):
    """Runs a function, made of its source, in another Python.

    It gets its arguments, and those values of the context that it names and that are texts or dates; these
    and its result are pickled. ``string_args`` are in ``virtualenv_string_args``. Raises ``ValueError`` and
    ``AirflowException`` for what cannot be run so.
    """

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: dict[str, str] | None = None,
        inherit_env: bool = True,
        use_dill: bool = False,
        **kwargs: Any,
    ) -> None:
        if not isinstance(python_callable, types.FunctionType) or python_callable.__name__ == "<lambda>":
            raise ValueError(f"{type(self).__name__} only supports functions for python_callable arg")
        if inspect.isgeneratorfunction(python_callable):
            raise ValueError(f"{type(self).__name__} does not support using 'yield' in python_callable")
        super().__init__(python_callable=python_callable, **kwargs)
        if use_dill and serializer:
            raise AirflowException(
                "Both 'use_dill' and 'serializer' parameters are set. Please set only one of them"
            )
        self.serializer = "dill" if use_dill else serializer or "pickle"
        if self.serializer not in _SERIALIZERS:
            raise AirflowException(
                f"Unsupported serializer {self.serializer!r}. "
                f"Expected one of {', '.join(map(repr, _SERIALIZERS))}"
            )
        self.string_args = string_args or []
        self.expect_airflow = expect_airflow
        codes = skip_on_exit_code
        self.skip_on_exit_code: Container[Any] = codes if isinstance(codes, Container) else [codes]
        self.env_vars = env_vars
        self.inherit_env = inherit_env

    @property
    def pickling_library(self) -> Any:
        """The library that pickles arguments and result; raises ``ImportError`` where it is missing."""
        return _SERIALIZERS[self.serializer]

    def get_python_source(self) -> str:
        """The function's source, without the decorators that make a task of it."""
        return python_source(self.python_callable)

    def run_in(self, python: Path, context: "Context") -> Any:
        """What the function returns in that Python."""
        with TemporaryDirectory(prefix="venv-call") as folder:
            return self._run_in(python, context, Path(folder))

    def _run_in(self, python: Path, context: "Context", folder: Path) -> Any:
        given, output, texts, error = (
            folder / name for name in ("script.in", "script.out", "string_args.txt", "termination.log")
        )
        script = folder / "script.py"
        arguments = {"args": list(self.op_args), "kwargs": self._arguments(python, context)}
        given.write_bytes(self.pickling_library.dumps(arguments))
        texts.write_text("\n".join(map(str, self.string_args)))
        write_python_script(
            {
                "op_args": arguments["args"],
                "op_kwargs": arguments["kwargs"],
                "pickling_library": self.serializer,
                "python_callable": self.python_callable.__name__,
                "python_callable_source": self.get_python_source(),
            },
            str(script),
        )
        inherited = environment_for(str(python)) if self.inherit_env else {}
        environment = {**inherited, **(self.env_vars or {})}
        try:
            execute_in_subprocess(
                [str(path) for path in (python, script, given, output, texts, error)], env=environment
            )
        except subprocess.CalledProcessError as failed:
            raise self._failure(failed, error) from None
        if 0 in self.skip_on_exit_code:
            raise AirflowSkipException("Process exited with code 0. Skipping.")
        return self._result(output)

    def _failure(self, failed: subprocess.CalledProcessError, error: Path) -> Exception:
        if failed.returncode in self.skip_on_exit_code:
            return AirflowSkipException(f"Process exited with code {failed.returncode}. Skipping.")
        if error.exists() and (text := error.read_text()):
            return AirflowException(f"Process returned non-zero exit status {failed.returncode}.\n{text}")
        return failed

    def _result(self, output: Path) -> Any:
        pickled = output.read_bytes() if output.exists() else b""
        if not pickled:
            return None
        try:
            return self.pickling_library.loads(pickled)
        except ValueError as error:
            raise DeserializingResultError from error

    def _arguments(self, python: Path, context: "Context") -> dict[str, Any]:
        kept = {name: value for name, value in as_kept(context).items() if name in _PLAIN | _DATES}
        offered = {**kept, "templates_dict": self.templates_dict, **self.op_kwargs}
        arguments = accepted_arguments(self.python_callable, self.op_args, offered)
        dates = [name for name in arguments if name in _DATES and name not in self.op_kwargs]
        if dates and not _can_import(python, "pendulum"):
            for name in dates:
                moment = arguments[name]
                arguments[name] = as_utc(moment) if isinstance(moment, datetime) else moment
        if isinstance(arguments.get("params"), Mapping):
            arguments["params"] = dict(arguments["params"])
        return arguments


class PythonVirtualenvOperator(_OtherPythonOperator):
    """Runs a function in a virtual environment that is made for it, with ``requirements`` installed by pip.

    It is kept under ``venv_cache_path`` if that is given. On Lambda, where there is neither pip nor a place
    for it, the task fails and says what to do instead.
    """

    template_fields: Sequence[str] = (
        *PythonOperator.template_fields,
        *("requirements", "index_urls", "venv_cache_path"),
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        requirements: Iterable[str] | str | None = None,
        python_version: str | float | None = None,
        system_site_packages: bool = True,
        pip_install_options: list[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        venv_cache_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requirements = [requirements] if isinstance(requirements, str) else list(requirements or ())
        self.python_version = python_version
        self.system_site_packages = system_site_packages
        self.pip_install_options = pip_install_options
        self.index_urls = [index_urls] if isinstance(index_urls, str) else index_urls
        self.venv_cache_path = venv_cache_path

    def execute(self, context: "Context") -> Any:
        """Make the environment, and run the function in it."""
        if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
            raise AirflowFailException(
                "There are no virtual environments on Lambda: put "
                f"{', '.join(self.requirements) or 'what the function needs'} into requirements.txt in "
                "the DAGs folder and use PythonOperator or @task"
            )
        if self.venv_cache_path:
            return self.run_in(self._kept(Path(self.venv_cache_path)), context)
        with TemporaryDirectory(prefix="venv") as folder:
            return self.run_in(self._made(Path(folder)), context)

    def _kept(self, cache: Path) -> Path:
        """The Python of an environment like this one, made if there is none yet."""
        packages = user_packages_folder(os.environ) if self.system_site_packages else None
        described = json.dumps(
            [
                *(*self._wanted(), *self._options(), self.python_version, self.system_site_packages),
                *([str(packages)] if packages else []),
            ]
        )
        folder = cache / f"venv-{sha256(described.encode()).hexdigest()[:8]}"
        is_complete = folder / "complete"
        if not is_complete.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._made(folder)
            is_complete.touch()
        return folder / "bin" / "python"

    def _made(self, folder: Path) -> Path:
        """The Python of a new environment in that folder."""
        base = f"python{self.python_version}" if self.python_version else sys.executable
        wanted = self._wanted()
        listed = folder / "requirements.txt"
        listed.write_text("\n".join(wanted))
        python = prepare_virtualenv(
            venv_directory=str(folder),
            python_bin=base,
            system_site_packages=self.system_site_packages,
            requirements_file_path=str(listed) if wanted else None,
            pip_install_options=self._options(),
        )
        return Path(python)

    def _wanted(self) -> list[str]:
        needed = {self.serializer} - {"pickle"} if not self.system_site_packages else set()
        return sorted({*map(str, self.requirements), *needed})

    def _options(self) -> list[str]:
        urls = None if self.index_urls is None else list(self.index_urls)
        return [*index_options(urls), *(self.pip_install_options or ())]


class ExternalPythonOperator(_OtherPythonOperator):
    """Runs a function in the Python at the absolute path ``python``; raises ``ValueError`` without one."""

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields)

    def __init__(self, *, python: str, expect_pendulum: bool = False, **kwargs: Any) -> None:
        if not python:
            raise ValueError("Python Path must be defined in ExternalPythonOperator")
        super().__init__(**kwargs)
        self.python = python
        self.expect_pendulum = expect_pendulum

    def execute(self, context: "Context") -> Any:
        """Run the function there."""
        path = Path(self.python)
        if not path.exists():
            raise ValueError(
                f"Python Path '{path}' must exists: where the task runs there is none. Use PythonOperator or "
                "@task with what the function needs in requirements.txt in the DAGs folder"
            )
        if not path.is_file():
            raise ValueError(f"Python Path '{path}' must be a file")
        if not path.is_absolute():
            raise ValueError(f"Python Path '{path}' must be an absolute path.")
        return self.run_in(path, context)


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator, BranchMixIn):
    """Goes on with the tasks whose ids the function returns, and skips its other successors."""

    def execute(self, context: "Context") -> Any:
        """Run the function and follow what it returns."""
        return self.do_branch(context, super().execute(context))


class BranchExternalPythonOperator(ExternalPythonOperator, BranchMixIn):
    """The same in a Python that is there."""

    def execute(self, context: "Context") -> Any:
        """Run the function and follow what it returns."""
        return self.do_branch(context, super().execute(context))


def _can_import(python: Path, module: str) -> bool:
    command = [str(python), "-c", f"import {module}"]
    environment = environment_for(str(python))
    done = subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603 - the user's own
    return done.returncode == 0
