"""``group``: tensor ops that become one kernel; ``call``: an op that torch runs."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def, region_def, traits_def, var_operand_def, var_result_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.syntax import parse_value
from flashlight_mlir.dialects.tensor_ext.types import parse_bindings, print_bindings


@irdl_op_definition
class CallOp(IRDLOperation):
    """An ATen op that belongs to no kernel: torch runs it. ``args`` spells its arguments, ``%k`` standing for operand k."""

    name = "tensor_ext.call"
    inputs = var_operand_def()
    callee = prop_def(StringAttr)
    spelling = prop_def(StringAttr, prop_name="args")
    outputs = var_result_def()
    traits = traits_def(Pure())

    def __init__(self, callee: str, inputs: Sequence[SSAValue], spelling: str, results: Sequence[Attribute]):
        super().__init__(
            operands=[inputs],
            properties={"callee": StringAttr(callee), "args": StringAttr(spelling)},
            result_types=[results],
        )

    @classmethod
    def parse(cls, parser: Parser) -> CallOp:
        callee = parser.parse_str_literal()
        inputs = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: parse_value(parser))
        parser.parse_keyword("args")
        spelling = parser.parse_str_literal()
        parser.parse_punctuation(":")
        results = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls(callee, inputs, spelling, results)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.callee.data)
        with printer.in_parens():
            printer.print_list(self.inputs, printer.print_operand)
        printer.print_string(" args ")
        printer.print_string_literal(self.spelling.data)
        printer.print_string(" : ")
        printer.print_list(self.outputs.types, printer.print_attribute)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends a group with its results."""

    name = "tensor_ext.yield"
    values = var_operand_def()
    traits = traits_def(IsTerminator())

    def __init__(self, values: Sequence[SSAValue]):
        super().__init__(operands=[values])

    @classmethod
    def parse(cls, parser: Parser) -> YieldOp:
        return cls(parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: parse_value(parser)))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list(self.values, printer.print_operand)


@irdl_op_definition
class GroupOp(IRDLOperation):
    """Tensor ops that become one kernel: ``tensor_ext.group @k0(%a = %x, …) { … } : result types``."""

    name = "tensor_ext.group"
    inputs = var_operand_def()
    sym_name = prop_def(StringAttr)
    body = region_def("single_block")
    outputs = var_result_def()
    traits = traits_def(Pure(), IsolatedFromAbove())

    def __init__(self, name: str, inputs: Sequence[SSAValue], body: Region, results: Sequence[Attribute]):
        super().__init__(operands=[inputs], properties={"sym_name": StringAttr(name)}, regions=[body], result_types=[results])

    @classmethod
    def parse(cls, parser: Parser) -> GroupOp:
        name = parser.parse_symbol_name()
        inputs, args = parse_bindings(parser)
        body = parser.parse_region(args)
        parser.parse_punctuation(":")
        results = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls(name.data, inputs, body, results)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        print_bindings(printer, self.body.block.args, self.inputs)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_string(" : ")
        printer.print_list(self.outputs.types, printer.print_attribute)

    def verify_(self) -> None:
        last = self.body.block.last_op
        if not isinstance(last, YieldOp) or last.values.types != self.outputs.types:
            raise VerifyException("a group ends in a yield of its results")
        if self.body.block.arg_types != self.inputs.types:
            raise VerifyException("a group's arguments have the types of its inputs")
