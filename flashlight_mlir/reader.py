"""From text to checked IR: parsing with source locations, and a verifier that says where.

xDSL's parser keeps a location only where the text spells one, and its verifier neither has a position nor sees a use before
the definition. Both are added here, in one place for every tool.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from xdsl.context import Context
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl.dominance import DominanceInfo
from xdsl.parser import Parser, ParserState
from xdsl.utils.exceptions import ParseError
from xdsl.utils.lexer import Input, Span
from xdsl.utils.mlir_lexer import MLIRLexer

from flashlight_mlir.diagnostics import CompileError, location_of


class LinearLexer(MLIRLexer):
    """xDSL's lexer takes exponential time on a quote that is never closed: ``(a+)*`` backtracks. This one doesn't."""

    _unescaped_characters_regex = re.compile(r'"(?:[^"\\\n\v\f]|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+"')


class LocatedParser(Parser):
    """A parser whose ops know their line, and whose every failure is a ``ParseError`` with a position."""

    def __init__(self, ctx: Context, text: str, name: str, line_offset: int = 0):
        super().__init__(ctx, "", name)
        self._parser_state = ParserState(LinearLexer(Input(text, name)))
        self._file = StringAttr(name)
        self._line_offset = line_offset
        self._starts = [0] + [i + 1 for i, char in enumerate(text) if char == "\n"]

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        try:
            op = super().parse_operation()
        except (ParseError, RecursionError):
            raise
        except Exception as error:  # an attribute that does not verify, a number beyond all bounds, bytes that are no text
            span = Span(start, max(start, self._current_token.span.start), self.lexer.input)
            raise ParseError(span, str(error) or type(error).__name__) from error
        if isinstance(op.location, UnknownLoc):
            line = bisect_right(self._starts, start)
            column = start - self._starts[line - 1] + 1
            op.location = FileLineColLoc(self._file, IntAttr(line + self._line_offset), IntAttr(column))
        return op


def read(ctx: Context, text: bytes | str, name: str = "<string>", line_offset: int = 0, implicit_module: bool = True) -> ModuleOp:
    """Parse ``text`` as a module; raises xDSL's ``ParseError``."""
    source = Input(_decoded(text, name), name)
    try:
        return LocatedParser(ctx, source.content, name, line_offset).parse_module(implicit_module)
    except (ParseError, RecursionError):
        raise
    except Exception as error:
        raise ParseError(Span(0, 0, source), str(error) or type(error).__name__) from error


def _decoded(text: bytes | str, name: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ParseError(Span(error.start, error.end, Input(text, name)), f"this is not UTF-8: {error.reason}") from error


def verify(op: Operation) -> None:
    """Verify ``op`` and what it holds, inside out, dominance included; the first mistake is a ``CompileError`` with its place."""
    _verify(op, set())


def _verify(op: Operation, visible: set[SSAValue]) -> None:
    for number, operand in enumerate(op.operands):
        if operand not in visible:
            name = f"%{operand.name_hint}" if operand.name_hint else f"operand {number}"
            raise CompileError(f"{op.name} uses {name} before its definition, or outside its region", location_of(op))
    for region in op.regions:
        _verify_region(region, visible)
    try:
        op.verify(verify_nested_ops=False)
    except RecursionError:
        raise
    except Exception as error:
        raise CompileError(f"{op.name}: {error}", location_of(op)) from error


def _verify_region(region: Region, visible: set[SSAValue]) -> None:
    blocks = list(region.blocks)
    order = DominanceInfo(region) if len(blocks) > 1 else None
    for block in blocks:
        above = [b for b in blocks if order is not None and order.strictly_dominates(b, block)]
        added = {*block.args, *(value for b in above for value in _defined(b))}
        visible |= added
        for op in block.ops:
            _verify(op, visible)
            visible.update(op.results)
        visible.difference_update(added, _defined(block))


def _defined(block: Block) -> list[SSAValue]:
    return [*block.args, *(result for op in block.ops for result in op.results)]
