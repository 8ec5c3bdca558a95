"""``block.load`` and ``block.store``: a tensor at an index per axis, ``scalar`` or ``scalar + lanes``."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, IntegerType, i1, i64
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
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.block.types import block, joint_shape, shape_of
from flashlight_mlir.dialects.syntax import element_of, parse_value
from flashlight_mlir.dialects.tensor_ext import TensorType


def _parse_index(parser: Parser) -> tuple[list[SSAValue], list[SSAValue], list[int]]:
    scalars: list[SSAValue] = []
    lanes: list[SSAValue] = []
    axes: list[int] = []

    def entry() -> None:
        scalars.append(parse_value(parser))
        if parser.parse_optional_punctuation("+"):
            axes.append(len(scalars) - 1)
            lanes.append(parse_value(parser))

    parser.parse_comma_separated_list(parser.Delimiter.SQUARE, entry)
    return scalars, lanes, axes


class _AccessOp(IRDLOperation):
    """``scalars``: one index per axis; ``lanes``: offsets to it along ``lane_axes``, as blocks that broadcast."""

    scalars = var_operand_def()
    lanes = var_operand_def()
    mask = opt_operand_def()
    lane_axes = prop_def(DenseArrayBase[IntegerType])
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(int(a) for a in self.lane_axes.get_values())

    @property
    def lanes_of(self) -> dict[int, SSAValue]:
        return dict(zip(self.axes, self.lanes, strict=True))

    def shape(self) -> tuple[int, ...]:
        """The joint shape of lanes and mask."""
        shape: tuple[int, ...] = ()
        for value in (*self.lanes, *((self.mask,) if self.mask else ())):
            if here := shape_of(value.type):
                shape = joint_shape(shape, here) if shape else here
        return shape

    def verify_index(self, rank: int) -> None:
        if len(self.scalars) != rank:
            raise VerifyException(f"{self.name} wants {rank} indices, got {len(self.scalars)}")
        if len(self.axes) != len(self.lanes) or list(self.axes) != sorted(set(self.axes)):
            raise VerifyException(f"{self.name} has one block of lanes for each of some axes")
        if any(s.type not in (IndexType(), i64) for s in self.scalars):
            raise VerifyException(f"{self.name}: an index is a scalar, and a block of lanes after +")
        if any(element_of(v.type) not in (IndexType(), i64) for v in self.lanes):
            raise VerifyException(f"{self.name}: lanes are index or i64")
        if self.mask and element_of(self.mask.type) != i1:
            raise VerifyException(f"{self.name}: the mask should be i1")

    def print_index(self, printer: Printer) -> None:
        lanes = self.lanes_of
        with printer.in_square_brackets():
            for axis, scalar in enumerate(self.scalars):
                printer.print_string(", " if axis else "")
                printer.print_operand(scalar)
                if axis in lanes:
                    printer.print_string(" + ")
                    printer.print_operand(lanes[axis])
        if self.mask:
            printer.print_string(" if ")
            printer.print_operand(self.mask)


@irdl_op_definition
class LoadOp(_AccessOp):
    """Read a tensor; lanes that the mask excludes read zero."""

    name = "block.load"
    source = operand_def(TensorType)
    result = result_def()
    traits = traits_def(MemoryReadEffect())

    def __init__(
        self,
        source: SSAValue,
        scalars: Sequence[SSAValue],
        lanes: dict[int, SSAValue],
        mask: SSAValue | None,
        type: Attribute,
    ):
        axes = sorted(lanes)
        super().__init__(
            operands=[source, list(scalars), [lanes[a] for a in axes], mask],
            properties={"lane_axes": DenseArrayBase.from_list(i64, axes)},
            result_types=[type],
        )

    @classmethod
    def parse(cls, parser: Parser) -> LoadOp:
        source = parse_value(parser)
        scalars, lanes, axes = _parse_index(parser)
        mask = parse_value(parser) if parser.parse_optional_keyword("if") else None
        parser.parse_punctuation(":")
        return cls(source, scalars, dict(zip(axes, lanes, strict=True)), mask, parser.parse_type())

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        self.print_index(printer)
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)

    def verify_(self) -> None:
        assert isinstance(self.source.type, TensorType)
        self.verify_index(len(self.source.type.shape))
        expected = block(self.shape(), self.source.type.element_type)
        if self.result.type != expected:
            raise VerifyException(f"block.load: result type should be {expected}, is {self.result.type}")


@irdl_op_definition
class StoreOp(_AccessOp):
    """Write result ``number`` of the kernel, except where the mask excludes it; a float is rounded to its dtype."""

    name = "block.store"
    value = operand_def()
    number = prop_def(IntegerAttr)
    traits = traits_def(MemoryWriteEffect())

    def __init__(
        self,
        value: SSAValue,
        number: int,
        scalars: Sequence[SSAValue],
        lanes: dict[int, SSAValue],
        mask: SSAValue | None,
    ):
        axes = sorted(lanes)
        super().__init__(
            operands=[value, list(scalars), [lanes[a] for a in axes], mask],
            properties={"lane_axes": DenseArrayBase.from_list(i64, axes), "number": IntegerAttr(number, i64)},
        )

    @classmethod
    def parse(cls, parser: Parser) -> StoreOp:
        value = parse_value(parser)
        parser.parse_punctuation(",")
        number = parser.parse_integer(allow_boolean=False, allow_negative=False)
        scalars, lanes, axes = _parse_index(parser)
        mask = parse_value(parser) if parser.parse_optional_keyword("if") else None
        return cls(value, number, scalars, dict(zip(axes, lanes, strict=True)), mask)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.value)
        printer.print_string(f", {self.number.value.data}")
        self.print_index(printer)

    def verify_(self) -> None:
        self.verify_index(len(self.scalars))
        if shape := shape_of(self.value.type):
            joint_shape(self.shape() or shape, shape)
