"""The operators that DAG files use, as facts that can be judged where no user code is loaded.

``operators_in_use`` is called in a process that may load user code, and ``main`` is such a process's.
"""

import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from chalicelib.authoring.airflow_names import finder
from chalicelib.authoring.loading import process_state
from chalicelib.authoring.loading.loader import ImportFailure, dag_files, load_file
from chalicelib.authoring.loading.patches import Originals
from chalicelib.authoring.model.baseoperator import BaseOperator
from chalicelib.authoring.model.mapped_operator import MappedOperator
from chalicelib.domain.json_codec import plain
from chalicelib.domain.tasks.operators_in_use import OperatorInUse
from chalicelib.engine.dags.sync import BrokenFile

CALLERS_OF_AWS = ("airflow.providers.amazon", "boto3", "botocore", "aiobotocore", "aioboto3", "s3fs")
"""Modules by which Python code calls AWS."""

_DEEPEST = 6
"""How deep values of arguments are looked into, and functions that functions call."""

_PATHS = "ObjectStoragePath"


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorsOfFiles:
    """What DAG files use."""

    operators: tuple[OperatorInUse, ...]
    """By DAG and task, as they are in the files."""
    broken: tuple[BrokenFile, ...] = ()
    """Files that could not be loaded."""


def operators_in_use(folder: Path, names: Sequence[str] | None) -> OperatorsOfFiles:
    """The operators of DAG files of a folder; ``names`` are paths in it, None: all that may hold DAGs."""
    operators: list[OperatorInUse] = []
    broken: list[BrokenFile] = []
    originals = Originals()
    found = (
        names if names is not None else [each.relative_to(folder).as_posix() for each in dag_files(folder)]
    )
    with finder.importable(folder):
        for name in found:
            with process_state.kept():
                loaded = load_file(Path(name), folder, undoing=originals)
                if isinstance(loaded, ImportFailure):
                    broken.append(BrokenFile(filename=loaded.filename, message=loaded.message))
                    continue
                operators += [_in_use(task, dag.dag_id) for dag in loaded.dags for task in dag.tasks]
    return OperatorsOfFiles(operators=tuple(operators), broken=tuple(broken))


def main(descriptor: int) -> None:
    """Be the process that loads: read what to load from a socket or pipe, and write what came of it there."""
    with open(descriptor, "r+b", buffering=0) as channel:
        wanted = json.loads(b"".join(iter(lambda: channel.read(65536), b"")))
        os.dup2(2, 1)  # what files print is no answer
        answer = operators_in_use(Path(wanted["folder"]), wanted["names"])
        channel.write(json.dumps(plain(answer)).encode())


def _in_use(task: BaseOperator, dag_id: str) -> OperatorInUse:
    given = _given(task)
    known: dict[str, Any] = {}
    unknown: list[str] = []
    for name, value in given.items():
        try:
            known[name] = _as_json(value)
        except _NoJson:
            unknown.append(name)
    kind = task.operator_class if isinstance(task, MappedOperator) else type(task)
    return OperatorInUse(
        dag_id=dag_id,
        task_id=task.task_id,
        classes=tuple(f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__),
        arguments=known,
        unknown=tuple(sorted(unknown)),
        callers=tuple(sorted(_callers(kind, given))),
    )


def _given(task: BaseOperator) -> Mapping[str, Any]:
    """The attributes of an operator; of a mapped one its arguments, those that are mapped as lists."""
    if isinstance(task, MappedOperator):
        mapped = getattr(task.expand_input, "value", None)
        many = mapped if isinstance(mapped, Mapping) else {}
        return {**_defaults(task.operator_class), **task.partial_kwargs, **many}
    return {name: value for name, value in vars(task).items() if not name.startswith("_")}


def _defaults(kind: type[BaseOperator]) -> dict[str, Any]:
    """What the arguments of an operator are that are not given."""
    makers = [vars(each)["__init__"] for each in reversed(kind.__mro__) if "__init__" in vars(each)]
    parameters = (each for maker in makers for each in inspect.signature(maker).parameters.values())
    return {each.name: each.default for each in parameters if each.default is not each.empty}


class _NoJson(Exception):
    """A value is no JSON."""


def _as_json(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        raise _NoJson
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case Mapping():
            return {str(key): _as_json(each, depth + 1) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            items = [_as_json(each, depth + 1) for each in value]
            return items if isinstance(value, list | tuple) else sorted(items, key=repr)
    raise _NoJson


def _callers(kind: type[Any], given: Mapping[str, Any]) -> set[str]:
    """The modules by which an operator's own Python code calls AWS: its functions, and those of its class."""
    functions = [each for value in given.values() for each in _functions_of(value)]
    for each in kind.__mro__:
        if not _is_ours(each.__module__):
            functions += [value for value in vars(each).values() if isinstance(value, FunctionType)]
    found: set[str] = set()
    seen: set[CodeType] = set()
    for function in functions:
        found |= _called_by(function, seen, 0)
    return found


def _is_ours(module: str) -> bool:
    """Whether a module is of Airflow's names, whose calls are known elsewhere."""
    return module.split(".")[0] in ("chalicelib", "airflow", "builtins", "abc", "typing")


def _functions_of(value: Any) -> Iterator[FunctionType]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _functions_of(each)
        return
    value = inspect.unwrap(getattr(value, "func", value)) if callable(value) else value
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, FunctionType):
        yield value


def _called_by(function: FunctionType, seen: set[CodeType], depth: int) -> set[str]:
    """The modules of interest that a function, or one that it calls, imports or has imported."""
    if depth > _DEEPEST or function.__code__ in seen or _is_ours(function.__module__ or ""):
        return set()
    found: set[str] = set()
    for code in _codes(function.__code__):
        seen.add(code)
        for name in code.co_names:
            found |= _named(name, function.__globals__.get(name), seen, depth)
        found |= {name for name in code.co_names if _is_caller(name)}
    return found


def _named(name: str, value: Any, seen: set[CodeType], depth: int) -> set[str]:
    """What the global of a name that a function uses tells."""
    if _PATHS in (name, type(value).__name__):
        return {_PATHS}
    module = value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", None))
    for each in (module, type(value).__module__):
        if _is_caller(each):
            return {each}
    return set().union(*(_called_by(each, seen, depth + 1) for each in _functions_of(value)))


def _is_caller(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in CALLERS_OF_AWS)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
