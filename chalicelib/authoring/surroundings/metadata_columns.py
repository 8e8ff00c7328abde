"""Columns of no database: DAG files name them and make conditions of them when they are loaded."""

from collections.abc import Mapping
from typing import Any, NoReturn

from chalicelib.authoring.surroundings.metadata_database import NoMetadataDatabase


class Expression:
    """What is made of a column: a condition, an order, a label. It has no value."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> "Expression":
        if name.startswith("__"):
            raise AttributeError(name)
        return Expression(f"{self._text}.{name}")

    def __call__(self, *_: Any, **__: Any) -> "Expression":
        """What a method of a column makes: ``column.desc()``."""
        return Expression(f"{self._text}()")

    def _compared(self, _: Any) -> Any:
        return Expression(f"{self._text} compared")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __and__ = __or__ = __rand__ = __ror__ = __add__ = __sub__ = __radd__ = __rsub__ = _compared
    __hash__ = object.__hash__

    def __invert__(self) -> "Expression":
        return Expression(f"not {self._text}")

    def __bool__(self) -> NoReturn:
        raise NoMetadataDatabase(self._text)

    def __iter__(self) -> NoReturn:
        raise NoMetadataDatabase(self._text)

    def __repr__(self) -> str:
        return self._text


class Column(Expression):
    """An attribute of a model's class: a column, or a method that would ask the database."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse what would be a query; raises ``NoMetadataDatabase``."""
        raise NoMetadataDatabase(self._text)


class HasColumns(type):
    """Gives a class the columns that Airflow's model of the name has.

    Columns are its properties, a dataclass's fields, and whatever else it is asked for and has not.
    """

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        is_column = isinstance(value, property) or name in _fields(cls)
        return Column(f"{cls.__name__}.{name}") if is_column else value

    def __getattr__(cls, name: str) -> Column:
        is_of_a_dataclass_in_the_making = name in vars(cls).get("__annotations__", ()) and not _fields(cls)
        if name.startswith("_") or is_of_a_dataclass_in_the_making:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return Column(f"{cls.__name__}.{name}")


def _fields(cls: type) -> Mapping[str, Any]:
    """Those of a dataclass that is complete: until then Python looks for their defaults in the class."""
    of_class = type.__getattribute__(cls, "__dict__")
    return of_class.get("__dataclass_fields__", {}) if "__match_args__" in of_class else {}
