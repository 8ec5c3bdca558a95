"""Ops that make indices: lanes and index arithmetic."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, IndexType, StringAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    prop_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.block.base import BlockOp, parse_result, print_result
from flashlight_mlir.dialects.block.types import block, shape_of
from flashlight_mlir.dialects.expr import NAME, ExprAttr, parse_expr
from flashlight_mlir.dialects.syntax import element_of, join, parse_value
from flashlight_mlir.expr import Expr


@irdl_op_definition
class IotaOp(BlockOp):
    """0, 1, 2, … along one axis."""

    name = "block.iota"

    def __init__(self, size: int):
        super().__init__(result_types=[block([size], IndexType())])

    def expected(self) -> Attribute:
        if len(shape_of(self.result.type)) != 1:
            raise VerifyException("block.iota has one axis")
        return block(shape_of(self.result.type), IndexType())

    @classmethod
    def parse(cls, parser: Parser) -> IotaOp:
        return cls.create(result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        print_result(printer, self.result)


@irdl_op_definition
class IndexOp(BlockOp):
    """An index expression over size symbols and named operands: ``block.index i - j (i = %0, j = %1) : T``."""

    name = "block.index"
    expr = prop_def(ExprAttr)
    names = prop_def(ArrayAttr[StringAttr])
    args = var_operand_def()

    def __init__(self, expr: Expr, args: dict[str, SSAValue], element: Attribute | None = None):
        used = {n: v for n, v in args.items() if n in expr.names}
        shape = shape_of(join([v.type for v in used.values()])) if used else ()
        super().__init__(
            operands=[list(used.values())],
            properties={"expr": ExprAttr(expr), "names": ArrayAttr([StringAttr(n) for n in used])},
            result_types=[block(shape, element or IndexType())],
        )

    @property
    def env(self) -> dict[str, SSAValue]:
        return dict(zip((n.data for n in self.names), self.args, strict=True))

    def expected(self) -> Attribute:
        if len(self.names) != len(self.args) or len(set(self.names)) != len(self.names):
            raise VerifyException("block.index names each operand, once")
        if unknown := sorted(n for n in self.expr.data.names if n[0].islower() and n not in self.env):
            raise VerifyException(f"block.index: {', '.join(unknown)} is no operand")
        if any(fn in str(self.expr.data) for fn in ("lo(", "hi(")):
            raise VerifyException("block.index has no tile edges: they are operands")
        if any(element_of(a.type) not in (IndexType(), i64) for a in self.args):
            raise VerifyException("block.index computes with index values")
        shape = shape_of(join([a.type for a in self.args])) if self.args else ()
        return block(shape, i64 if element_of(self.result.type) == i64 else IndexType())

    @classmethod
    def parse(cls, parser: Parser) -> IndexOp:
        expr = parse_expr(parser)
        names: list[StringAttr] = []
        args: list[SSAValue] = []

        def entry() -> None:
            name = parser.parse_identifier()
            if not NAME.match(name):
                parser.raise_error(f"'{name}' is no name")
            names.append(StringAttr(name))
            parser.parse_punctuation("=")
            args.append(parse_value(parser))

        parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, entry)
        return cls.create(
            operands=args,
            properties={"expr": ExprAttr(expr), "names": ArrayAttr(names)},
            result_types=[parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.expr.data}")
        if self.args:
            printer.print_string(" (")
            for k, (name, value) in enumerate(self.env.items()):
                printer.print_string(f"{', ' if k else ''}{name} = ")
                printer.print_operand(value)
            printer.print_string(")")
        print_result(printer, self.result)
