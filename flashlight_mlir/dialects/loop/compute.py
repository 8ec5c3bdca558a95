"""``loop.contract``, ``loop.reduce`` and ``loop.index``: what a kernel computes over named dims."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IndexType, StringAttr, f32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprAttr, is_dim, parse_expr
from flashlight_mlir.dialects.loop.types import dims_of, parse_dim, tile
from flashlight_mlir.dialects.syntax import element_of, is_float, parse_value
from flashlight_mlir.dialects.tensor_ext import REDUCTIONS
from flashlight_mlir.expr import Expr


def _parse_over(parser: Parser) -> ArrayAttr[StringAttr]:
    parser.parse_keyword("over")
    dims = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: StringAttr(parse_dim(parser)))
    return ArrayAttr(dims)


def _remaining(types: Sequence[Attribute], over: Sequence[str], order: Sequence[str]) -> list[str]:
    present = {d for t in types for d in dims_of(t)}
    if missing := [d for d in over if d not in present]:
        raise VerifyException(f"no operand has the dim {', '.join(missing)}")
    return [d for d in order if d in present and d not in over]


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """``⊕`` of a value over some of its dims (inside a fold: over the chunk at hand)."""

    name = "loop.reduce"
    source = operand_def()
    kind = prop_def(StringAttr)
    over = prop_def(ArrayAttr[StringAttr])
    result = result_def()
    traits = traits_def(Pure())

    def __init__(self, kind: str, source: SSAValue, over: Sequence[str]):
        rest = [d for d in dims_of(source.type) if d not in over]
        super().__init__(
            operands=[source],
            properties={"kind": StringAttr(kind), "over": ArrayAttr([StringAttr(d) for d in over])},
            result_types=[tile(rest, element_of(source.type))],
        )

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(d.data for d in self.over)

    @classmethod
    def parse(cls, parser: Parser) -> ReduceOp:
        kind = parser.parse_keyword_in(REDUCTIONS)
        source, over = parse_value(parser), _parse_over(parser)
        parser.parse_punctuation(":")
        return cls.create(
            operands=[source],
            properties={"kind": StringAttr(kind), "over": over},
            result_types=[parser.parse_type()],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.kind.data} ")
        printer.print_operand(self.source)
        printer.print_string(f" over [{', '.join(self.dims)}] : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        if self.kind.data not in REDUCTIONS:
            raise VerifyException(f"unknown reduction {self.kind.data}")
        rest = _remaining([self.source.type], self.dims, dims_of(self.source.type))
        if self.result.type != (expected := tile(rest, element_of(self.source.type))):
            raise VerifyException(f"loop.reduce: result type should be {expected}, is {self.result.type}")


@irdl_op_definition
class ContractOp(IRDLOperation):
    """``Σ lhs · rhs`` over dims, accumulated in f32 and multiplied in the operands' own dtype.

    ``precision`` is how f32 operands are multiplied: ``ieee`` (default) or ``tf32``.
    """

    name = "loop.contract"
    lhs = operand_def()
    rhs = operand_def()
    over = prop_def(ArrayAttr[StringAttr])
    precision = opt_prop_def(StringAttr)
    result = result_def()
    traits = traits_def(Pure())

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        over: Sequence[str],
        order: Sequence[str],
        element: Attribute = f32,
        precision: str | None = None,
    ):
        super().__init__(
            operands=[lhs, rhs],
            properties={
                "over": ArrayAttr([StringAttr(d) for d in over]),
                "precision": StringAttr(precision) if precision else None,
            },
            result_types=[tile(_remaining([lhs.type, rhs.type], over, order), element)],
        )

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(d.data for d in self.over)

    @classmethod
    def parse(cls, parser: Parser) -> ContractOp:
        lhs = parse_value(parser)
        parser.parse_punctuation(",")
        rhs = parse_value(parser)
        props: dict[str, Attribute] = {"over": _parse_over(parser)}
        if parser.parse_optional_keyword("precision"):
            props["precision"] = StringAttr(parser.parse_keyword_in(("ieee", "tf32")))
        parser.parse_punctuation(":")
        return cls.create(operands=[lhs, rhs], properties=props, result_types=[parser.parse_type()])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list((self.lhs, self.rhs), printer.print_operand)
        printer.print_string(f" over [{', '.join(self.dims)}]")
        if self.precision:
            printer.print_string(f" precision {self.precision.data}")
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        types = [self.lhs.type, self.rhs.type]
        if not all(map(is_float, [*types, self.result.type])):
            raise VerifyException("loop.contract multiplies floats")
        if element_of(types[0]) != element_of(types[1]):
            raise VerifyException(f"the factors have different element types: {types[0]} and {types[1]}")
        rest = _remaining(types, self.dims, [*dims_of(types[0]), *dims_of(types[1])])
        if set(rest) != set(dims_of(self.result.type)):
            raise VerifyException(f"loop.contract: the result should have the dims {', '.join(dict.fromkeys(rest))}")


@irdl_op_definition
class IndexOp(IRDLOperation):
    """The value of an index expression at each point."""

    name = "loop.index"
    expr = prop_def(ExprAttr)
    result = result_def()
    traits = traits_def(Pure())

    def __init__(self, expr: Expr, order: Sequence[str]):
        super().__init__(
            properties={"expr": ExprAttr(expr)},
            result_types=[tile([d for d in order if d in expr.names], IndexType())],
        )

    @classmethod
    def parse(cls, parser: Parser) -> IndexOp:
        expr = ExprAttr(parse_expr(parser))
        parser.parse_punctuation(":")
        return cls.create(properties={"expr": expr}, result_types=[parser.parse_type()])

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.expr.data} : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        named = {n for n in self.expr.data.names if is_dim(n)}
        if named != set(dims_of(self.result.type)) or element_of(self.result.type) != IndexType():
            raise VerifyException(f"loop.index {self.expr.data} is an index over the dims {', '.join(sorted(named))}")
