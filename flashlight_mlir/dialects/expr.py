"""``ExprAttr``: an index expression in the IR, printed bare (``h floordiv 8``), and its parser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr
from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from flashlight_mlir.expr import Expr, call

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")
"""A size symbol or a dim; symbols begin with an upper-case letter."""

_FUNCTIONS = {"min": 2, "max": 2, "lo": 1, "hi": 1}
_KEYWORDS = {"floordiv", "mod", *_FUNCTIONS}


def is_dim(name: str) -> bool:
    return bool(NAME.match(name)) and name[0].islower() and name not in _KEYWORDS


@irdl_attr_definition
class ExprAttr(Data[Expr]):
    """An index expression; ``#tensor_ext.expr<h floordiv 8>`` where it stands alone."""

    name = "tensor_ext.expr"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Expr:
        with parser.in_angle_brackets():
            return parse_expr(parser)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(str(self.data))


ExprArray = ArrayAttr[ExprAttr]


def expr_array(exprs: Sequence[Expr | int | str]) -> ExprArray:
    return ArrayAttr([ExprAttr(Expr.of(e)) for e in exprs])


def exprs(array: ExprArray) -> tuple[Expr, ...]:
    return tuple(e.data for e in array)


def parse_expr(parser: AttrParser) -> Expr:
    """``sum ::= product (('+' | '-') product)*`` with the usual precedence; floordiv and mod bind as ``*``."""
    total = _parse_product(parser)
    while True:
        if parser.parse_optional_punctuation("+"):
            total = total + _parse_product(parser)
        elif parser.parse_optional_punctuation("-"):
            total = total - _parse_product(parser)
        else:
            return total


def _parse_product(parser: AttrParser) -> Expr:
    value = _parse_factor(parser)
    while True:
        if parser.parse_optional_punctuation("*"):
            value = value * _parse_factor(parser)
        elif fn := parser.parse_optional_keyword_in(("floordiv", "mod")):
            position = parser.pos
            by = _parse_factor(parser)
            if (by.constant or 1) <= 0 or by.constant == 0:
                parser.raise_error(f"{fn} wants a positive divisor, got {by}", position)
            value = call(fn, (value, by))
        else:
            return value


def _parse_factor(parser: AttrParser) -> Expr:
    if parser.parse_optional_punctuation("-"):
        return -_parse_factor(parser)
    if parser.parse_optional_punctuation("("):
        inner = parse_expr(parser)
        parser.parse_punctuation(")")
        return inner
    number = parser.parse_optional_integer(allow_boolean=False, allow_negative=False)
    if number is not None:
        if number >= 2**63:
            parser.raise_error("integer does not fit 64 bits")
        return Expr.of(number)
    position = parser.pos
    name = parser.parse_identifier(" in an index expression")
    if name in _FUNCTIONS:
        args = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: parse_expr(parser))
        if len(args) < _FUNCTIONS[name]:
            parser.raise_error(f"{name} wants {_FUNCTIONS[name]} arguments", position)
        if name in ("lo", "hi") and args[0].name is None:
            parser.raise_error(f"{name} wants a dim", position)
        return call(name, tuple(args))
    if not NAME.match(name) or name in _KEYWORDS:
        parser.raise_error(f"'{name}' is no size symbol or dim ([A-Za-z][A-Za-z0-9_]*, at most 32)", position)
    return Expr.of(name)
