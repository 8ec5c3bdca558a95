"""Scalar functions, applied elementwise at every level: one table, a row per op.

    %y = pointwise.exp %x : !loop.tile<i, j : f32>
    %p = pointwise.select %mask, %y, %zero : !loop.tile<i, j : f32>

The operands' types say what the op runs on (``Shaped``); this dialect knows no level. A plain ``f64`` or ``index`` scalar
is a number and takes the other operand's element type. Semantics in torch: ``interpreters/pointwise.py``; spelling in
Triton: ``backend/triton.py``; a test says that every row has both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, pi
from typing import ClassVar, Literal

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, i1
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, result_def, traits_def, var_operand_def
from xdsl.parser import Parser
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.printer import Printer
from xdsl.traits import HasCanonicalizationPatternsTrait, Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.syntax import element_of, is_number, join, parse_value, with_element

Rule = Literal["same", "bool", "cast", "select"]


@dataclass(frozen=True)
class Row:
    """What the compiler knows of one scalar function.

    ``rule``: element type of the result: ``same`` as the operands', ``bool``, free (``cast``), or that of the last two (``select``).
    ``monotone``: per operand, +1 nondecreasing, -1 nonincreasing, 0 neither (for every value of the other operands).
    ``range``: bounds on the result for any operands (without NaN).
    """

    name: str
    arity: int
    rule: Rule = "same"
    monotone: tuple[int, ...] = ()
    range: tuple[float, float] = (-inf, inf)
    commutes: bool = False
    neutral: float | None = None
    """The second operand that leaves every first one as it is (or the first the second, where it commutes)."""


TABLE: tuple[Row, ...] = (
    Row("neg", 1, monotone=(-1,)),
    Row("abs", 1, range=(0, inf)),
    Row("sign", 1, monotone=(1,), range=(-1, 1)),
    Row("exp", 1, monotone=(1,), range=(0, inf)),
    Row("exp2", 1, monotone=(1,), range=(0, inf)),
    Row("expm1", 1, monotone=(1,), range=(-1, inf)),
    Row("log", 1, monotone=(1,)),
    Row("log2", 1, monotone=(1,)),
    Row("log1p", 1, monotone=(1,)),
    Row("sqrt", 1, monotone=(1,), range=(0, inf)),
    Row("rsqrt", 1, range=(0, inf)),
    Row("recip", 1),
    Row("tanh", 1, monotone=(1,), range=(-1, 1)),
    Row("sigmoid", 1, monotone=(1,), range=(0, 1)),
    Row("erf", 1, monotone=(1,), range=(-1, 1)),
    Row("atan", 1, monotone=(1,), range=(-pi / 2, pi / 2)),
    Row("sin", 1, range=(-1, 1)),
    Row("cos", 1, range=(-1, 1)),
    Row("floor", 1, monotone=(1,)),
    Row("ceil", 1, monotone=(1,)),
    Row("trunc", 1, monotone=(1,)),
    Row("round", 1, monotone=(1,)),
    Row("not", 1),
    Row("isnan", 1, "bool"),
    Row("isinf", 1, "bool"),
    Row("cast", 1, "cast", monotone=(1,)),
    Row("add", 2, monotone=(1, 1), commutes=True),
    Row("sub", 2, monotone=(1, -1)),
    Row("mul", 2, commutes=True, neutral=1.0),
    Row("div", 2, neutral=1.0),
    Row("floordiv", 2),
    Row("mod", 2),
    Row("pow", 2, neutral=1.0),
    Row("max", 2, monotone=(1, 1), commutes=True),
    Row("min", 2, monotone=(1, 1), commutes=True),
    Row("and", 2, commutes=True),
    Row("or", 2, commutes=True),
    Row("xor", 2, commutes=True),
    Row("shl", 2),
    Row("shr", 2),
    Row("lt", 2, "bool"),
    Row("le", 2, "bool"),
    Row("gt", 2, "bool"),
    Row("ge", 2, "bool"),
    Row("eq", 2, "bool", commutes=True),
    Row("ne", 2, "bool", commutes=True),
    Row("select", 3, "select", monotone=(0, 1, 1)),
)
ROWS: dict[str, Row] = {row.name: row for row in TABLE}


class Canonical(HasCanonicalizationPatternsTrait):
    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        return (DropNeutral(),)


class PointwiseOp(IRDLOperation):
    """Base of all rows' ops: ``pointwise.NAME operands : result type``."""

    ROW: ClassVar[Row]
    args = var_operand_def()
    result = result_def()
    traits = traits_def(Pure(), Canonical())

    @classmethod
    def parse(cls, parser: Parser) -> PointwiseOp:
        position = parser.pos
        operands = parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_value(parser))
        parser.parse_punctuation(":")
        result = parser.parse_type()
        if len(operands) != cls.ROW.arity:
            parser.raise_error(f"{cls.name} takes {cls.ROW.arity} operands, got {len(operands)}", position)
        return cls(operands=[operands], result_types=[result])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list(self.args, printer.print_operand)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        if len(self.args) != self.ROW.arity:
            raise VerifyException(f"{self.name} takes {self.ROW.arity} operands, got {len(self.args)}")
        expected = result_type(self.ROW, [a.type for a in self.args], element_of(self.result.type), _order(self.result.type))
        if expected != self.result.type:
            raise VerifyException(f"{self.name}: result type should be {expected}, is {self.result.type}")


class DropNeutral(RewritePattern):
    """``x * 1`` is ``x``: a neutral operand is dropped where the other has the result's type. The rest is ``passes/laws.py``."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PointwiseOp, rewriter: PatternRewriter) -> None:
        if op.ROW.neutral is None:
            return
        for kept, other in (tuple(op.args), tuple(op.args)[::-1])[: 1 + op.ROW.commutes]:
            if number(other) == op.ROW.neutral and kept.type == op.result.type:
                rewriter.replace(op, [], [kept])
                return


def number(value: SSAValue) -> float | None:
    """The number that a value is, if it is a constant."""
    op = value.owner
    return op.value.value.data if isinstance(op, ConstantOp) and isinstance(op.value, FloatAttr) else None


def _order(type: Attribute) -> Sequence[str]:
    return getattr(type, "dims", ())


def result_type(row: Row, types: Sequence[Attribute], cast_to: Attribute | None = None, order: Sequence[str] = ()) -> Attribute:
    """The type of a row's result; raises VerifyException when the operands do not fit."""
    shape = join(types, order)
    values = types[1:] if row.rule == "select" else types
    if row.rule == "select" and element_of(types[0]) != i1:
        raise VerifyException(f"the condition of select should be i1, is {element_of(types[0])}")
    elements = {element_of(t): None for t in values if not is_number(t)} or {element_of(values[0]): None}
    if row.rule == "cast":
        if cast_to is None:
            raise VerifyException("cast wants a result type")
        return with_element(shape, element_of(cast_to))
    if len(elements) > 1:
        raise VerifyException(f"operands have different element types: {', '.join(map(str, elements))}")
    return with_element(shape, i1 if row.rule == "bool" else next(iter(elements)))


def _define(row: Row) -> type[PointwiseOp]:
    title = "".join(part.capitalize() for part in row.name.split("_"))
    body = {
        "name": f"pointwise.{row.name}",
        "ROW": row,
        "__annotations__": {"ROW": ClassVar[Row]},  # xDSL wants constants of an op declared in its own class
        "__doc__": f"``{row.name}`` of {row.arity}.",
        "__module__": __name__,
    }
    return irdl_op_definition(type(f"{title}Op", (PointwiseOp,), body))


OPS: dict[str, type[PointwiseOp]] = {row.name: _define(row) for row in TABLE}


def build(name: str, *args: SSAValue, to: Attribute | None = None, order: Sequence[str] = ()) -> PointwiseOp:
    """Op ``name`` on ``args`` with its type inferred; ``to`` is the element type of a cast, ``order`` the kernel's dims."""
    result = result_type(ROWS[name], [a.type for a in args], to, order)
    return OPS[name](operands=[list(args)], result_types=[result])


def kind(op: Operation | object) -> str | None:
    """The row's name if ``op`` is pointwise."""
    return op.ROW.name if isinstance(op, PointwiseOp) else None


def all_ops() -> Iterator[type[Operation]]:
    yield from OPS.values()


Pointwise = Dialect("pointwise", list(all_ops()), [])
