"""Moto's DynamoDB at half its price: what follows from an expression or a class alone is worked out once.

Moto 5 parses and copies each expression anew for each request, and looks for each of the ten members of an
attribute value under six names. It answers as before: what is kept are values of pure functions; and an
attribute value is a dict with DynamoDB's own names, of which none is to be found under another.
"""

import pickle
from collections import deque
from copy import deepcopy
from functools import lru_cache
from typing import Any

from moto.core import serialize
from moto.dynamodb import comparisons
from moto.dynamodb.parsing import ast_nodes, expressions, validators

_nodes: Any = ast_nodes  # moto gives neither types
_expressions: Any = expressions

_kept = lru_cache(4096)  # more than there are expressions: placeholders take the place of names and values

_lex = comparisons.ConditionExpressionParser._lex_condition_expression
_find_kinds = _nodes.DepthFirstTraverser.nodes_to_be_processed
_pick = serialize.AttributePicker.__call__
_in_bytes = _kept(pickle.dumps)


def work_out_once() -> None:
    """Have moto do so in this process."""
    parts: tuple[tuple[Any, str, Any], ...] = (
        (comparisons.ConditionExpressionParser, "_lex_condition_expression", _tokens_again),
        # Only a validator changes the tree, and it changes a copy.
        (
            _expressions.UpdateExpressionParser,
            "make",
            staticmethod(_kept(_expressions.UpdateExpressionParser.make)),
        ),
        (validators, "deepcopy", _copied),
        (_nodes.DepthFirstTraverser, "nodes_to_be_processed", _kinds),
        (serialize.AttributePicker, "__call__", _picked),
    )
    for owner, name, quicker in parts:
        setattr(owner, name, quicker)


@_kept
def _tokens(expression: str) -> tuple[Any, ...]:
    return tuple(_lex(comparisons.ConditionExpressionParser(expression, None, None)))


def _tokens_again(parser: Any) -> deque[Any]:
    return deque(_tokens(parser.condition_expression))


def _copied(node: Any) -> Any:
    if type(node) is not _nodes.UpdateExpression:  # only whole trees are given again
        return deepcopy(node)
    return pickle.loads(_in_bytes(node))  # noqa: S301 - its own bytes


_found_kinds: dict[type, tuple[type, ...]] = {}


def _kinds(traverser: Any) -> tuple[type, ...]:
    kind = type(traverser)
    if kind not in _found_kinds:
        _found_kinds[kind] = _find_kinds(traverser)
    return _found_kinds[kind]


def _picked(picker: Any, context: Any) -> Any:
    if type(context.obj) is dict and context.shape.parent.name == "AttributeValue":
        return context.obj.get(context.key)
    return _pick(picker, context)
