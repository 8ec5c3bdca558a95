"""What the compiler tells its user: remarks (rewrites and refusals, as data) and errors with a place.

One sink, ``collect``; one renderer, ``render``. A remark that nobody collects is dropped:

>>> with collect() as remarks:
...     emit(Remark("fuse", "kept apart", "model.py:3:1", "make it contiguous", refused=True))
>>> print(render(remarks[0]))
model.py:3:1: remark [fuse]: refused: kept apart (hint: make it contiguous)
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, FusedLoc
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import DiagnosticException


@dataclass(frozen=True)
class Remark:
    """One thing worth telling: which rule, what it did or why it ``refused``, where, and what the user can do."""

    rule: str
    text: str
    location: str | None = None
    hint: str | None = None
    refused: bool = False


class CompileError(DiagnosticException):
    """The input is wrong, and ``location`` (``file:line:col``) is where."""

    def __init__(self, message: str, location: str | None = None):
        super().__init__(message)
        self.message = message
        self.location = location

    def __str__(self) -> str:
        place = "" if self.location is None else f"{self.location}: "
        return f"{place}error: {one_line(self.message)}"


_sink: ContextVar[list[Remark] | None] = ContextVar("remarks", default=None)


@contextmanager
def collect() -> Generator[list[Remark]]:
    """Gather the remarks emitted inside; an inner ``collect`` keeps its own."""
    remarks: list[Remark] = []
    token = _sink.set(remarks)
    try:
        yield remarks
    finally:
        _sink.reset(token)


def emit(remark: Remark) -> None:
    """Hand a remark to the innermost ``collect``, once: greedy rewriting asks the same question many times."""
    remarks = _sink.get()
    if remarks is not None and remark not in remarks:
        remarks.append(remark)


def render(remark: Remark) -> str:
    """``file:line:col: remark [rule]: text``, on one line."""
    place = "" if remark.location is None else f"{remark.location}: "
    refused = "refused: " if remark.refused else ""
    hint = "" if remark.hint is None else f" (hint: {remark.hint})"
    return one_line(f"{place}remark [{remark.rule}]: {refused}{remark.text}{hint}")


def location_of(op: Attribute | Operation | object) -> str | None:
    """Where ``op`` (or a location attribute) came from, as ``file:line:col``; of a fused location, the first known part."""
    match op.location if isinstance(op, Operation) else op:
        case FileLineColLoc() as at:
            return f"{at.filename.data}:{at.line.data}:{at.column.data}"
        case CallSiteLoc() as at:
            return location_of(at.callee)
        case FusedLoc() as at:
            parts: Any = at.locations  # an ArrayAttr, which xDSL types as any attribute
            return next((found for part in parts if (found := location_of(part))), None)
        case _:
            return None


def one_line(text: str) -> str:
    """``text`` with everything that could break, hide or recolour a line of a terminal spelled out."""
    text = text.strip().replace("\n", " ")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short(file: str) -> str:
    """A file's name for people: of an installed package, what follows the folder of all packages."""
    return one_line(file.rpartition("site-packages/")[2])
