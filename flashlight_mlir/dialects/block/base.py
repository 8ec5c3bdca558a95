"""What the ops that make blocks share: one result, whose type follows from the operands."""

from __future__ import annotations

from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException


def parse_result(parser: Parser) -> Attribute:
    parser.parse_punctuation(":")
    return parser.parse_type()


def print_result(printer: Printer, value: SSAValue) -> None:
    printer.print_string(" : ")
    printer.print_attribute(value.type)


class BlockOp(IRDLOperation):
    """An op with one block as its result."""

    result = result_def()
    traits = traits_def(Pure())

    def expected(self) -> Attribute:
        raise NotImplementedError

    def verify_(self) -> None:
        if self.result.type != (expected := self.expected()):
            raise VerifyException(f"{self.name}: result type should be {expected}, is {self.result.type}")
