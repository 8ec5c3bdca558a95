"""Rearrangements: an element of the result is an element of the source. All become index maps inside a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprAttr, parse_expr
from flashlight_mlir.dialects.syntax import Shaped, parse_value
from flashlight_mlir.dialects.tensor_ext.types import (
    TensorType,
    parse_int,
    parse_ints,
    parse_result,
    print_result,
    tensor,
    type_of,
)
from flashlight_mlir.expr import Expr


class ViewOp(IRDLOperation):
    """An op of one tensor whose result is a rearrangement of it."""

    source = operand_def()
    result = result_def(TensorType)
    traits = traits_def(Pure())


@irdl_op_definition
class ReshapeOp(ViewOp):
    """The same elements in row-major order under other sizes."""

    name = "tensor_ext.reshape"

    def __init__(self, source: SSAValue, shape: Sequence[Expr | int | str]):
        super().__init__(operands=[source], result_types=[tensor(shape, type_of(source).element_type)])

    @classmethod
    def parse(cls, parser: Parser) -> ReshapeOp:
        source = parse_value(parser)
        return cls.create(operands=[source], result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        print_result(printer, self.result)

    def verify_(self) -> None:
        counts: list[Expr] = []
        for t in (type_of(self.source), type_of(self.result)):
            count = Expr.of(1)
            for size in t.shape:
                count = count * size
            counts.append(count)
        plain = not any("floordiv" in str(c) or "mod" in str(c) for c in counts)
        if plain and counts[0] != counts[1]:
            raise VerifyException(f"reshape changes the number of elements: {counts[0]} to {counts[1]}")


@irdl_op_definition
class TransposeOp(ViewOp):
    """Axis k of the result is axis ``permutation[k]`` of the source."""

    name = "tensor_ext.transpose"
    permutation = prop_def(DenseArrayBase[I64])

    def __init__(self, source: SSAValue, permutation: Sequence[int]):
        t = type_of(source)
        super().__init__(
            operands=[source],
            properties={"permutation": DenseArrayBase.from_list(i64, permutation)},
            result_types=[tensor([t.shape[p] for p in permutation], t.element_type)],
        )

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.permutation.get_values())

    @classmethod
    def parse(cls, parser: Parser) -> TransposeOp:
        source, permutation = parse_value(parser), parse_ints(parser)
        return cls.create(operands=[source], properties={"permutation": permutation}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" {list(self.axes)}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        t = type_of(self.source)
        if sorted(self.axes) != list(range(len(t.shape))):
            raise VerifyException(f"{list(self.axes)} is no permutation of {len(t.shape)} axes")
        if type_of(self.result).shape != tuple(t.shape[p] for p in self.axes):
            raise VerifyException("the result's sizes are not the permuted ones")


@irdl_op_definition
class BroadcastOp(ViewOp):
    """Axis k of the source (a tensor, or a scalar along ``[]``) is axis ``along[k]`` of the result; the others repeat."""

    name = "tensor_ext.broadcast"
    along = prop_def(DenseArrayBase[I64])

    def __init__(self, source: SSAValue, along: Sequence[int], shape: Sequence[Expr | int | str]):
        element = source.type.element_type if isinstance(source.type, Shaped) else source.type
        super().__init__(
            operands=[source],
            properties={"along": DenseArrayBase.from_list(i64, along)},
            result_types=[tensor(shape, element)],
        )

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.along.get_values())

    @classmethod
    def parse(cls, parser: Parser) -> BroadcastOp:
        source = parse_value(parser)
        parser.parse_keyword("along")
        along = parse_ints(parser)
        return cls.create(operands=[source], properties={"along": along}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" along {list(self.axes)}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        shape = self.source.type.shape if isinstance(self.source.type, TensorType) else ()
        result = type_of(self.result).shape
        if list(self.axes) != sorted(set(self.axes)) or len(self.axes) != len(shape):
            raise VerifyException("'along' names one axis of the result, in order, for each axis of the source")
        if any(a >= len(result) or result[a] != s for a, s in zip(self.axes, shape, strict=True)):
            raise VerifyException(f"the sizes of {self.source.type} and {self.result.type} differ along {list(self.axes)}")


@irdl_op_definition
class SliceOp(ViewOp):
    """Elements ``start, start + step, …`` of one axis; the result's size says how many."""

    name = "tensor_ext.slice"
    axis = prop_def(IntegerAttr)
    start = prop_def(ExprAttr)
    step = prop_def(IntegerAttr)

    def __init__(self, source: SSAValue, axis: int, start: Expr | int, step: int, size: Expr | int):
        t = type_of(source)
        shape = [Expr.of(size) if k == axis else s for k, s in enumerate(t.shape)]
        super().__init__(
            operands=[source],
            properties={
                "axis": IntegerAttr(axis, i64),
                "start": ExprAttr(Expr.of(start)),
                "step": IntegerAttr(step, i64),
            },
            result_types=[tensor(shape, t.element_type)],
        )

    @classmethod
    def parse(cls, parser: Parser) -> SliceOp:
        source, axis = parse_value(parser), parse_int(parser, "axis")
        parser.parse_keyword("from")
        start = ExprAttr(parse_expr(parser))
        step = parse_int(parser, "step")
        return cls.create(
            operands=[source],
            properties={"axis": axis, "start": start, "step": step},
            result_types=[parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data} from {self.start.data} step {self.step.value.data}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        source, result, axis = type_of(self.source).shape, type_of(self.result).shape, self.axis.value.data
        if axis >= len(source) or len(source) != len(result) or self.step.value.data < 1:
            raise VerifyException("slice wants an axis of the source, a positive step, and as many axes in the result")
        if any(s != r for k, (s, r) in enumerate(zip(source, result, strict=True)) if k != axis):
            raise VerifyException("slice changes one axis only")


@irdl_op_definition
class PadOp(ViewOp):
    """Zeros before and after one axis."""

    name = "tensor_ext.pad"
    axis = prop_def(IntegerAttr)
    low = prop_def(IntegerAttr)
    high = prop_def(IntegerAttr)

    def __init__(self, source: SSAValue, axis: int, low: int, high: int):
        t = type_of(source)
        shape = [s + low + high if k == axis else s for k, s in enumerate(t.shape)]
        ints = {"axis": axis, "low": low, "high": high}
        super().__init__(
            operands=[source],
            properties={k: IntegerAttr(v, i64) for k, v in ints.items()},
            result_types=[tensor(shape, t.element_type)],
        )

    @classmethod
    def parse(cls, parser: Parser) -> PadOp:
        source = parse_value(parser)
        props: dict[str, Attribute] = {k: parse_int(parser, k) for k in ("axis", "low", "high")}
        return cls.create(operands=[source], properties=props, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data} low {self.low.value.data} high {self.high.value.data}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        source, axis = type_of(self.source).shape, self.axis.value.data
        by = self.low.value.data + self.high.value.data
        if type_of(self.result).shape != tuple(s + by if k == axis else s for k, s in enumerate(source)):
            raise VerifyException("the result is not the padded size")
