"""The locals that a suspended function may still read; what it writes before it reads changes nothing."""

import dis
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType

_LEAVES = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
_ONLY_JUMPS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE")


def may_be_read(frame: FrameType, name: str) -> bool:
    """Whether a function that is suspended may read that local before it writes it.

    For instance the answer of a poll that the next poll replaces: two rounds of a loop may differ in it. What
    inner functions share counts as read.
    """
    code = frame.f_code
    if name not in code.co_varnames or name in code.co_cellvars:
        return True
    return name in _read_after(code).get(frame.f_lasti, {name})


@cache
def _read_after(code: CodeType) -> dict[int, frozenset[str]]:
    """The locals that may be read before they are written, by the offset of an instruction."""
    bytecode = dis.Bytecode(code)
    instructions = [*bytecode]
    entries = bytecode.exception_entries  # type: ignore[attr-defined]  # not in typeshed
    handlers = [(each.start, each.end, each.target) for each in entries]
    after = {
        each.offset: (*_successors(each, following), *_handlers_of(each.offset, handlers))
        for each, following in zip(instructions, [*instructions[1:], None], strict=True)
    }
    live: dict[int, frozenset[str]] = {each.offset: frozenset() for each in instructions}
    has_changed = True
    while has_changed:
        has_changed = False
        for each in reversed(instructions):
            later = frozenset[str]().union(*(live[offset] for offset in after[each.offset]))
            now = _reads(each) | (later - _writes(each))
            # What raises may do so before it has written.
            now |= frozenset[str]().union(*(live[at] for at in _handlers_of(each.offset, handlers)))
            if now != live[each.offset]:
                live[each.offset] = now
                has_changed = True
    return live


def _successors(each: dis.Instruction, following: dis.Instruction | None) -> Iterator[int]:
    if each.opcode in dis.hasjrel or each.opcode in dis.hasjabs:
        yield int(each.argval)
    if following is not None and each.opname not in (*_LEAVES, *_ONLY_JUMPS):
        yield following.offset


def _handlers_of(offset: int, handlers: list[tuple[int, int, int]]) -> Iterator[int]:
    """Where it goes on if that instruction raises."""
    yield from (target for start, end, target in handlers if start <= offset < end)


def _reads(each: dis.Instruction) -> frozenset[str]:
    """The locals that an instruction reads; one that does two things at once may read both."""
    is_of_locals = "FAST" in each.opname and each.opname not in ("STORE_FAST", "DELETE_FAST")
    return _names(each) if is_of_locals else frozenset()


def _writes(each: dis.Instruction) -> frozenset[str]:
    return _names(each) if each.opname in ("STORE_FAST", "DELETE_FAST") else frozenset()


def _names(each: dis.Instruction) -> frozenset[str]:
    return frozenset([each.argval] if isinstance(each.argval, str) else each.argval or ())
