"""``!tensor_ext.tensor<2, S : bf16>``: a ranked tensor whose sizes are index expressions; and assembly that its ops share."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, ArrayAttr, DenseArrayBase, IntegerAttr, i64
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprArray, ExprAttr, expr_array, exprs, parse_expr
from flashlight_mlir.dialects.syntax import Shaped, parse_value
from flashlight_mlir.expr import Expr

REDUCTIONS = ("sum", "prod", "max", "min", "any", "all")


@irdl_attr_definition
class TensorType(ParametrizedAttribute, Shaped):
    """``!tensor_ext.tensor<2, S : bf16>``; sizes are index expressions over size symbols."""

    name = "tensor_ext.tensor"
    sizes: ExprArray
    element_type: Attribute

    @property
    def shape(self) -> tuple[Expr, ...]:
        return exprs(self.sizes)

    def verify(self) -> None:
        for size in self.shape:
            if size.constant is not None and not 0 <= size.constant < 2**31:
                raise VerifyException(f"a size is between 0 and 2**31 - 1, got {size}")

    def with_element(self, element: Attribute) -> Attribute:
        return TensorType(self.sizes, element)

    def join(self, other: Shaped, order: Sequence[str] = ()) -> Attribute:
        assert isinstance(other, TensorType)
        if self.sizes != other.sizes:
            raise VerifyException(f"shapes differ: {self} and {other} (broadcast first)")
        return self

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            sizes: list[ExprAttr] = []
            if not parser.parse_optional_punctuation(":"):
                sizes = parser.parse_comma_separated_list(parser.Delimiter.NONE, lambda: ExprAttr(parse_expr(parser)))
                parser.parse_punctuation(":")
            return [ArrayAttr(sizes), parser.parse_type()]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(", ".join(str(s) for s in self.shape) + (" : " if self.shape else ": "))
            printer.print_attribute(self.element_type)


def tensor(shape: Sequence[Expr | int | str], element: Attribute) -> TensorType:
    return TensorType(expr_array(shape), element)


def type_of(value: SSAValue) -> TensorType:
    """The tensor type of a value; raises VerifyException if it has none."""
    if not isinstance(value.type, TensorType):
        raise VerifyException(f"expected a tensor, got {value.type}")
    return value.type


def parse_ints(parser: Parser) -> DenseArrayBase[I64]:
    ints = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_negative=False))
    return DenseArrayBase.from_list(i64, ints)


def parse_result(parser: Parser) -> Attribute:
    parser.parse_punctuation(":")
    return parser.parse_type()


def print_result(printer: Printer, value: SSAValue) -> None:
    printer.print_string(" : ")
    printer.print_attribute(value.type)


def parse_int(parser: Parser, keyword: str) -> IntegerAttr:
    parser.parse_keyword(keyword)
    return IntegerAttr(parser.parse_integer(allow_negative=False), i64)


def parse_bindings(parser: Parser) -> tuple[list[SSAValue], list[Parser.Argument]]:
    """``(%A = %a, %B = %b)``: the arguments of an isolated region and what they stand for."""

    def binding() -> tuple[SSAValue, Parser.Argument]:
        name = parser.parse_argument(expect_type=False)
        parser.parse_punctuation("=")
        value = parse_value(parser)
        return value, name.resolve(value.type)

    pairs = parser.parse_comma_separated_list(parser.Delimiter.PAREN, binding)
    return [v for v, _ in pairs], [a for _, a in pairs]


def print_bindings(printer: Printer, args: Sequence[SSAValue], values: Sequence[SSAValue]) -> None:
    def binding(pair: tuple[SSAValue, SSAValue]) -> None:
        printer.print_ssa_value(pair[0])
        printer.print_string(" = ")
        printer.print_operand(pair[1])

    with printer.in_parens():
        printer.print_list(list(zip(args, values, strict=True)), binding)
