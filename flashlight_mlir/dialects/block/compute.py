"""Ops that make blocks of blocks: axes, dots and reductions."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, IntegerType, StringAttr, f32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.block.base import BlockOp, parse_result, print_result
from flashlight_mlir.dialects.block.types import BlockType, block, shape_of
from flashlight_mlir.dialects.syntax import element_of, parse_value
from flashlight_mlir.dialects.tensor_ext import REDUCTIONS


@irdl_op_definition
class SplatOp(BlockOp):
    """A scalar in every element of a block."""

    name = "block.splat"
    source = operand_def()

    def __init__(self, source: SSAValue, type: Attribute):
        super().__init__(operands=[source], result_types=[type])

    def expected(self) -> Attribute:
        if isinstance(self.source.type, BlockType):
            raise VerifyException("block.splat takes a scalar")
        return self.result.type

    @classmethod
    def parse(cls, parser: Parser) -> SplatOp:
        return cls(parse_value(parser), parse_result(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        print_result(printer, self.result)


@irdl_op_definition
class ExpandOp(BlockOp):
    """New axes of size 1: ``block.expand %x [0]`` puts them at these axes of the result."""

    name = "block.expand"
    source = operand_def()
    axes = prop_def(DenseArrayBase[IntegerType])

    def __init__(self, source: SSAValue, axes: Sequence[int]):
        super().__init__(
            operands=[source],
            properties={"axes": DenseArrayBase.from_list(i64, list(axes))},
            result_types=[self._type(source.type, axes)],
        )

    @staticmethod
    def _type(source: Attribute, axes: Sequence[int]) -> Attribute:
        shape = shape_of(source)
        rank = len(shape) + len(axes)
        if not shape or sorted(set(axes)) != list(axes) or any(a >= rank for a in axes):
            raise VerifyException(f"block.expand: {list(axes)} are no new axes of {source}")
        sizes = iter(shape)
        return block([1 if a in axes else next(sizes) for a in range(rank)], element_of(source))

    @property
    def new_axes(self) -> tuple[int, ...]:
        return tuple(int(a) for a in self.axes.get_values())

    def expected(self) -> Attribute:
        return self._type(self.source.type, self.new_axes)

    @classmethod
    def parse(cls, parser: Parser) -> ExpandOp:
        source = parse_value(parser)
        axes = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parser.parse_integer(False, False))
        return cls.create(
            operands=[source],
            properties={"axes": DenseArrayBase.from_list(i64, axes)},
            result_types=[parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" {list(self.new_axes)}")
        print_result(printer, self.result)


@irdl_op_definition
class TransOp(BlockOp):
    """The two axes of a block, swapped."""

    name = "block.trans"
    source = operand_def()

    def __init__(self, source: SSAValue):
        super().__init__(operands=[source], result_types=[block(shape_of(source.type)[::-1], element_of(source.type))])

    def expected(self) -> Attribute:
        if len(shape_of(self.source.type)) != 2:
            raise VerifyException("block.trans swaps two axes")
        return block(shape_of(self.source.type)[::-1], element_of(self.source.type))

    @classmethod
    def parse(cls, parser: Parser) -> TransOp:
        return cls.create(operands=[parse_value(parser)], result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        print_result(printer, self.result)


@irdl_op_definition
class DotOp(BlockOp):
    """Matrix product of two blocks in f32, added to ``acc`` if there is one; ``precision`` as in ``loop.contract``."""

    name = "block.dot"
    lhs = operand_def()
    rhs = operand_def()
    acc = opt_operand_def()
    precision = opt_prop_def(StringAttr)

    def __init__(self, lhs: SSAValue, rhs: SSAValue, acc: SSAValue | None = None, precision: Attribute | None = None):
        super().__init__(
            operands=[lhs, rhs, acc],
            properties={"precision": precision},
            result_types=[block([shape_of(lhs.type)[0], shape_of(rhs.type)[1]], f32)],
        )

    def expected(self) -> Attribute:
        a, b = shape_of(self.lhs.type), shape_of(self.rhs.type)
        if len(a) != 2 or len(b) != 2 or a[1] != b[0] or element_of(self.lhs.type) != element_of(self.rhs.type):
            raise VerifyException(f"block.dot: {self.lhs.type} and {self.rhs.type} do not fit")
        if a[1] < 16:
            raise VerifyException("block.dot wants 16 or more elements along the contracted axis")
        if self.acc and self.acc.type != self.result.type:
            raise VerifyException(f"block.dot: the accumulator should be {self.result.type}, is {self.acc.type}")
        return block([a[0], b[1]], f32)

    @classmethod
    def parse(cls, parser: Parser) -> DotOp:
        lhs = parse_value(parser)
        parser.parse_punctuation(",")
        rhs = parse_value(parser)
        acc = parse_value(parser) if parser.parse_optional_keyword("into") else None
        precision = None
        if parser.parse_optional_keyword("precision"):
            precision = StringAttr(parser.parse_keyword_in(("ieee", "tf32")))
        return cls.build(operands=[lhs, rhs, acc], properties={"precision": precision}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list((self.lhs, self.rhs), printer.print_operand)
        if self.acc:
            printer.print_string(" into ")
            printer.print_operand(self.acc)
        if self.precision:
            printer.print_string(f" precision {self.precision.data}")
        print_result(printer, self.result)


@irdl_op_definition
class ReduceOp(BlockOp):
    """``⊕`` along one axis, which vanishes. A NaN anywhere makes a floating-point result NaN."""

    name = "block.reduce"
    source = operand_def()
    kind = prop_def(StringAttr)
    axis = prop_def(IntegerAttr)

    def __init__(self, kind: str, source: SSAValue, axis: int):
        shape = list(shape_of(source.type))
        super().__init__(
            operands=[source],
            properties={"kind": StringAttr(kind), "axis": IntegerAttr(axis, i64)},
            result_types=[block(shape[:axis] + shape[axis + 1 :], element_of(source.type))],
        )

    def expected(self) -> Attribute:
        shape, axis = list(shape_of(self.source.type)), self.axis.value.data
        if self.kind.data not in REDUCTIONS or not 0 <= axis < len(shape):
            raise VerifyException(f"block.reduce {self.kind.data} along axis {axis} of {self.source.type}")
        return block(shape[:axis] + shape[axis + 1 :], element_of(self.source.type))

    @classmethod
    def parse(cls, parser: Parser) -> ReduceOp:
        kind = parser.parse_keyword_in(REDUCTIONS)
        source = parse_value(parser)
        parser.parse_keyword("axis")
        axis = parser.parse_integer(allow_boolean=False, allow_negative=False)
        return cls.create(
            operands=[source],
            properties={"kind": StringAttr(kind), "axis": IntegerAttr(axis, i64)},
            result_types=[parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.kind.data} ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data}")
        print_result(printer, self.result)
