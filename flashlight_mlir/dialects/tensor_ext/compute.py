"""``reduce`` and ``contract``: what a tensor program computes over axes."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, ArrayAttr, DenseArrayBase, StringAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.syntax import parse_value
from flashlight_mlir.dialects.tensor_ext.types import (
    REDUCTIONS,
    TensorType,
    parse_ints,
    parse_result,
    print_result,
    tensor,
    type_of,
)
from flashlight_mlir.expr import Expr


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """``⊕`` over some axes, which leave the shape."""

    name = "tensor_ext.reduce"
    source = operand_def(TensorType)
    kind = prop_def(StringAttr)
    over = prop_def(DenseArrayBase[I64])
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(self, kind: str, source: SSAValue, over: Sequence[int]):
        t = type_of(source)
        super().__init__(
            operands=[source],
            properties={"kind": StringAttr(kind), "over": DenseArrayBase.from_list(i64, sorted(over))},
            result_types=[tensor([s for k, s in enumerate(t.shape) if k not in over], t.element_type)],
        )

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.over.get_values())

    @classmethod
    def parse(cls, parser: Parser) -> ReduceOp:
        kind = parser.parse_keyword_in(REDUCTIONS)
        source = parse_value(parser)
        parser.parse_keyword("over")
        over = parse_ints(parser)
        return cls.create(
            operands=[source],
            properties={"kind": StringAttr(kind), "over": over},
            result_types=[parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.kind.data} ")
        printer.print_operand(self.source)
        printer.print_string(f" over {list(self.axes)}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        shape = type_of(self.source).shape
        if self.kind.data not in REDUCTIONS:
            raise VerifyException(f"unknown reduction {self.kind.data}")
        if any(a >= len(shape) for a in self.axes) or list(self.axes) != sorted(set(self.axes)):
            raise VerifyException("'over' lists axes of the source, in order, each once")
        if type_of(self.result).shape != tuple(s for k, s in enumerate(shape) if k not in self.axes):
            raise VerifyException("the result's sizes are not the ones that remain")


@irdl_op_definition
class ContractOp(IRDLOperation):
    """``result = Σ lhs · rhs`` over the labels that the result lacks; labels are local to the op."""

    name = "tensor_ext.contract"
    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)
    labels = prop_def(ArrayAttr[ArrayAttr[StringAttr]])
    precision = opt_prop_def(StringAttr)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(
        self, lhs: SSAValue, a: Sequence[str], rhs: SSAValue, b: Sequence[str], out: Sequence[str],
        element: Attribute | None = None, precision: str | None = None,
    ):  # fmt: skip
        sizes = dict(zip((*a, *b), (*type_of(lhs).shape, *type_of(rhs).shape), strict=True))
        labels = ArrayAttr([ArrayAttr([StringAttr(x) for x in part]) for part in (a, b, out)])
        super().__init__(
            operands=[lhs, rhs],
            properties={"labels": labels, "precision": StringAttr(precision) if precision else None},
            result_types=[tensor([sizes[x] for x in out], element or type_of(lhs).element_type)],
        )

    @property
    def maps(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        a, b, out = (tuple(x.data for x in part) for part in self.labels)
        return a, b, out

    @classmethod
    def parse(cls, parser: Parser) -> ContractOp:
        def labels() -> ArrayAttr[StringAttr]:
            names = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_identifier)
            return ArrayAttr([StringAttr(n) for n in names])

        lhs, a = parse_value(parser), labels()
        parser.parse_punctuation(",")
        rhs, b = parse_value(parser), labels()
        parser.parse_punctuation("->")
        out = labels()
        props: dict[str, Attribute] = {"labels": ArrayAttr([a, b, out])}
        if parser.parse_optional_keyword("precision"):
            props["precision"] = StringAttr(parser.parse_keyword_in(("ieee", "tf32")))
        return cls.create(operands=[lhs, rhs], properties=props, result_types=[parse_result(parser)])

    def print(self, printer: Printer) -> None:
        a, b, out = (f"[{', '.join(part)}]" for part in self.maps)
        printer.print_string(" ")
        printer.print_operand(self.lhs)
        printer.print_string(a + ", ")
        printer.print_operand(self.rhs)
        printer.print_string(f"{b} -> {out}")
        if self.precision:
            printer.print_string(f" precision {self.precision.data}")
        print_result(printer, self.result)

    def verify_(self) -> None:
        if len(self.labels) != 3:
            raise VerifyException("labels are given for both operands and the result")
        sizes: dict[str, Expr] = {}
        for part, value in zip(self.maps, (self.lhs, self.rhs, self.result), strict=True):
            if len(part) != len(type_of(value).shape) or len(set(part)) != len(part):
                raise VerifyException("one label for each axis, each once in an operand")
            for label, size in zip(part, type_of(value).shape, strict=True):
                if sizes.setdefault(label, size) != size:
                    raise VerifyException(f"label {label} has two sizes: {sizes[label]} and {size}")
        if not set(self.maps[2]) <= set(self.maps[0]) | set(self.maps[1]):
            raise VerifyException("the result has a label that no operand has")
