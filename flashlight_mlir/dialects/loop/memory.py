"""``loop.load`` and ``loop.store``: how a kernel's tensors are read and written, by index expressions."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import MemoryWriteEffect, Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprArray, expr_array, exprs, parse_expr
from flashlight_mlir.dialects.loop.types import dims_of, tile
from flashlight_mlir.dialects.syntax import element_of, parse_optional_value, parse_value
from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.expr import Expr

VALUE = Expr.of("Value")
"""Stands in the index list for the next of the index values (a gather)."""


def _parse_indices(parser: Parser) -> tuple[ExprArray, list[SSAValue]]:
    values: list[SSAValue] = []

    def entry() -> Expr:
        if (value := parse_optional_value(parser)) is not None:
            values.append(value)
            return VALUE
        return parse_expr(parser)

    entries = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, entry)
    return expr_array(entries), values


def _print_indices(printer: Printer, indices: Sequence[Expr], values: Sequence[SSAValue]) -> None:
    queue = iter(values)

    def entry(expr: Expr) -> None:
        if expr == VALUE:
            printer.print_operand(next(queue))
        else:
            printer.print_string(str(expr))

    with printer.in_square_brackets():
        printer.print_list(indices, entry)


@irdl_op_definition
class LoadOp(IRDLOperation):
    """Read a tensor at an index per axis: expressions over dims, or values (a gather). Masked lanes read zero."""

    name = "loop.load"
    source = operand_def(TensorType)
    values = var_operand_def()
    mask = opt_operand_def()
    indices = prop_def(ExprArray)
    result = result_def()
    traits = traits_def(Pure())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def __init__(
        self,
        source: SSAValue,
        indices: Sequence[Expr | SSAValue],
        order: Sequence[str],
        mask: SSAValue | None = None,
    ):
        values = [i for i in indices if isinstance(i, SSAValue)]
        entries = [VALUE if isinstance(i, SSAValue) else i for i in indices]
        present = {n for e in entries for n in e.names} | {d for v in values for d in dims_of(v.type)}
        if mask is not None:
            present |= set(dims_of(mask.type))
        super().__init__(
            operands=[source, values, mask],
            properties={"indices": expr_array(entries)},
            result_types=[tile([d for d in order if d in present], element_of(source.type))],
        )

    @property
    def index(self) -> tuple[Expr | SSAValue, ...]:
        """The index of each axis: an expression, or the value that it is."""
        queue = iter(self.values)
        return tuple(next(queue) if e == VALUE else e for e in exprs(self.indices))

    @classmethod
    def parse(cls, parser: Parser) -> LoadOp:
        source = parse_value(parser)
        indices, values = _parse_indices(parser)
        mask = parse_value(parser) if parser.parse_optional_keyword("if") else None
        parser.parse_punctuation(":")
        return cls.build(operands=[source, values, mask], properties={"indices": indices}, result_types=[parser.parse_type()])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        _print_indices(printer, exprs(self.indices), self.values)
        if self.mask:
            printer.print_string(" if ")
            printer.print_operand(self.mask)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        assert isinstance(self.source.type, TensorType)
        if len(self.indices) != len(self.source.type.shape):
            raise VerifyException(f"loop.load wants {len(self.source.type.shape)} indices, got {len(self.indices)}")
        if sum(e == VALUE for e in exprs(self.indices)) != len(self.values):
            raise VerifyException("loop.load: one index value for each value entry")
        extra: list[Attribute] = [v.type for v in self.values] + ([self.mask.type] if self.mask else [])
        names = {n for e in exprs(self.indices) for n in e.names if n[0].islower()} | {d for t in extra for d in dims_of(t)}
        if set(dims_of(self.result.type)) != names or element_of(self.result.type) != self.source.type.element_type:
            raise VerifyException(
                f"loop.load: the result should be {self.source.type.element_type} over {', '.join(sorted(names)) or 'no dims'}"
            )


@irdl_op_definition
class StoreOp(IRDLOperation):
    """Write result ``number`` of the kernel: ``loop.store %o, 0[b, h, i, e]``; a float is rounded to the result's dtype."""

    name = "loop.store"
    value = operand_def()
    number = prop_def(IntegerAttr)
    indices = prop_def(ExprArray)
    traits = traits_def(MemoryWriteEffect())

    def __init__(self, value: SSAValue, number: int, indices: Sequence[Expr]):
        super().__init__(operands=[value], properties={"number": IntegerAttr(number, i64), "indices": expr_array(indices)})

    @property
    def index(self) -> tuple[Expr, ...]:
        return exprs(self.indices)

    @classmethod
    def parse(cls, parser: Parser) -> StoreOp:
        value = parse_value(parser)
        parser.parse_punctuation(",")
        number = parser.parse_integer(allow_boolean=False, allow_negative=False)
        indices, values = _parse_indices(parser)
        if values:
            parser.raise_error("loop.store indexes by expressions, not by values")
        return cls(value, number, exprs(indices))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.value)
        printer.print_string(f", {self.number.value.data}[{', '.join(map(str, self.index))}]")

    def verify_(self) -> None:
        names = {n for e in self.index for n in e.names if n[0].islower()}
        if not set(dims_of(self.value.type)) <= names:
            raise VerifyException("loop.store: the value has a dim that the index lacks")
