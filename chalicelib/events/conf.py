"""``Conf``: how the conf of a run is built from the event that triggers it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from chalicelib.domain.errors import UpdraftError


class ConfError(UpdraftError):
    """A conf that cannot be built: an expression that is none, or that the event has no answer for."""

    code = "invalid_event_conf"


@dataclass(frozen=True, kw_only=True, slots=True)
class Conf:
    """The ``conf`` of a declaration."""

    expressions: Mapping[str, Any]
    """Compiled JMESPath expressions by the key of the conf; each searches the event."""
    literals: Mapping[str, Any]
    """Fixed values by the key of the conf."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Conf":
        """Texts are JMESPath expressions, all else stands for itself; raises ``ConfError``.

        A text that is meant literally is one of JMESPath's: ``"'eu'"``.
        """
        texts = {key: value for key, value in fields.items() if isinstance(value, str)}
        return cls(
            expressions={key: _compiled(key, text) for key, text in texts.items()},
            literals={key: value for key, value in fields.items() if key not in texts},
        )

    def build(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The conf for an event; what an expression does not find is None.

        Raises ``ConfError`` when an expression cannot be applied (``sum`` of texts) or its result
        cannot be kept as JSON.
        """
        conf = {**self.literals, **{key: _found(key, each, event) for key, each in self.expressions.items()}}
        try:
            json.dumps(conf, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConfError(f"the conf cannot be kept as JSON: {error}") from error
        return conf


def _compiled(key: str, expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ConfError(f"conf {key} is {expression!r}, which is no JMESPath expression: {error}") from error


def _found(key: str, expression: Any, event: Mapping[str, Any]) -> Any:
    try:
        return expression.search(event)
    except JMESPathError as error:
        raise ConfError(f"conf {key} cannot be had from the event: {error}") from error
