"""Functions and classes that a DAG file put others in place of, as its patches of them are undone.

Airflow loads each file in a process of its own; here one file's patches must not be the next one's.
"""

import builtins
import os
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

_KINDS = (FunctionType, BuiltinFunctionType, type, ModuleType, type(os.environ))
_OF_CLASSES = (FunctionType, property, classmethod, staticmethod)
_OUR_PACKAGE = "chalicelib"
_LASTING = sys.stdlib_module_names | {_OUR_PACKAGE}

_BUILTINS = vars(builtins)
_put_all = dict.update
"""Kept here, for what undoes patches must not look up a name that may be patched."""


class Originals:
    """The functions and classes of Python's library and of this package, as they were when first seen.

    Data of modules is not among them: what Python and this package keep there goes on.
    """

    def __init__(self) -> None:
        self._builtins = dict(_BUILTINS)
        self._modules: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._classes: dict[type, dict[str, Any]] = {}

    def note(self) -> None:
        """Take down the modules that were loaded since the last time."""
        for name, module in list(sys.modules.items()):
            package = name.partition(".")[0]
            if name not in self._modules and package in _LASTING and isinstance(module, ModuleType):
                names = vars(module)
                self._modules[name] = names, _of_kinds(names, _KINDS)
                if package == _OUR_PACKAGE:
                    self._note_classes(module)

    def _note_classes(self, module: ModuleType) -> None:
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__:
                self._classes[value] = _of_kinds(vars(value), _OF_CLASSES)

    def put_back(self) -> None:
        """Undo what was changed of them since, the names of Python itself first."""
        _put_all(_BUILTINS, self._builtins)
        for names, originals in self._modules.values():
            _put_all(names, originals)
        for owner, methods in self._classes.items():
            _put_back_methods(owner, methods)


def _of_kinds(names: Mapping[str, Any], kinds: tuple[type, ...]) -> dict[str, Any]:
    return {name: value for name, value in names.items() if isinstance(value, kinds)}


def _put_back_methods(owner: type, methods: Mapping[str, Any]) -> None:
    present = vars(owner)
    for name, method in methods.items():
        if present.get(name) is not method:
            type.__setattr__(owner, name, method)
    for name in [name for name in _of_kinds(present, _OF_CLASSES) if name not in methods]:
        type.__delattr__(owner, name)
