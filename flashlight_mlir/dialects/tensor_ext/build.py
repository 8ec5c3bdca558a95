"""Tensors made of others, or of nothing: ``concat``, ``take`` (a gather) and ``iota``."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.syntax import parse_value
from flashlight_mlir.dialects.tensor_ext.types import TensorType, parse_int, parse_result, print_result, tensor, type_of


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """Tensors one after another along an axis."""

    name = "tensor_ext.concat"
    parts = var_operand_def()
    axis = prop_def(IntegerAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(self, parts: Sequence[SSAValue], axis: int):
        shape = list(type_of(parts[0]).shape)
        for part in parts[1:]:
            shape[axis] = shape[axis] + type_of(part).shape[axis]
        super().__init__(
            operands=[parts],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[tensor(shape, type_of(parts[0]).element_type)],
        )

    @classmethod
    def parse(cls, parser: Parser) -> ConcatOp:
        parts = parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_value(parser))
        axis = parse_int(parser, "axis")
        return cls.create(operands=parts, properties={"axis": axis}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list(self.parts, printer.print_operand)
        printer.print_string(f" axis {self.axis.value.data}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        if not self.parts or self.axis.value.data >= len(type_of(self.parts[0]).shape):
            raise VerifyException("concat wants parts that have the axis")
        if ConcatOp(list(self.parts), self.axis.value.data).result.type != self.result.type:
            raise VerifyException("the result is not the concatenated size")


@irdl_op_definition
class TakeOp(IRDLOperation):
    """``result[…, ids…, …] = source[…, at[ids…], …]``: one axis is replaced by the axes of ``at``."""

    name = "tensor_ext.take"
    source = operand_def()
    at = operand_def()
    axis = prop_def(IntegerAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(self, source: SSAValue, axis: int, at: SSAValue):
        t = type_of(source)
        shape = [*t.shape[:axis], *type_of(at).shape, *t.shape[axis + 1 :]]
        super().__init__(
            operands=[source, at],
            properties={"axis": IntegerAttr(axis, i64)},
            result_types=[tensor(shape, t.element_type)],
        )

    @classmethod
    def parse(cls, parser: Parser) -> TakeOp:
        source, axis = parse_value(parser), parse_int(parser, "axis")
        parser.parse_keyword("at")
        at = parse_value(parser)
        return cls.create(operands=[source, at], properties={"axis": axis}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data} at ")
        printer.print_operand(self.at)
        print_result(printer, self.result)

    def verify_(self) -> None:
        if self.axis.value.data >= len(type_of(self.source).shape):
            raise VerifyException("take wants an axis of the source")
        if TakeOp(self.source, self.axis.value.data, self.at).result.type != self.result.type:
            raise VerifyException("the result has not the taken shape")


@irdl_op_definition
class IotaOp(IRDLOperation):
    """The coordinate along one axis."""

    name = "tensor_ext.iota"
    axis = prop_def(IntegerAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(self, axis: int, result: TensorType):
        super().__init__(properties={"axis": IntegerAttr(axis, i64)}, result_types=[result])

    @classmethod
    def parse(cls, parser: Parser) -> IotaOp:
        axis = parse_int(parser, "axis")
        return cls.create(properties={"axis": axis}, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(f" axis {self.axis.value.data}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        if self.axis.value.data >= len(type_of(self.result).shape):
            raise VerifyException("iota wants an axis of the result")
