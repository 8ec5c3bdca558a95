"""Tensors with positional axes: what ATen's zoo is normalised into, and the groups that become kernels.

    %s = tensor_ext.contract %q[b, i, d], %k[b, j, d] -> [b, i, j] : !tensor_ext.tensor<B, S, S : bf16>
    %m = tensor_ext.reduce max %s over [2] : !tensor_ext.tensor<B, S : bf16>

(xDSL owns the prefix ``tensor``, and two dialects of one name cannot be loaded.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, IsTerminator, Pure
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

    def join(self, other: Self, order: Sequence[str] = ()) -> Attribute:
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


def _parse_ints(parser: Parser) -> DenseArrayBase:
    ints = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_negative=False))
    return DenseArrayBase.from_list(i64, ints)


def _parse_result(parser: Parser) -> Attribute:
    parser.parse_punctuation(":")
    return parser.parse_type()


def _print_result(printer: Printer, value: SSAValue) -> None:
    printer.print_string(" : ")
    printer.print_attribute(value.type)


def _parse_int(parser: Parser, keyword: str) -> IntegerAttr:
    parser.parse_keyword(keyword)
    return IntegerAttr(parser.parse_integer(allow_negative=False), i64)


class _ViewOp(IRDLOperation):
    """An op of one tensor whose result is a rearrangement of it."""

    source = operand_def()
    result = result_def(TensorType)
    traits = traits_def(Pure())


@irdl_op_definition
class ReshapeOp(_ViewOp):
    """The same elements in row-major order under other sizes."""

    name = "tensor_ext.reshape"

    def __init__(self, source: SSAValue, shape: Sequence[Expr | int | str]):
        super().__init__(operands=[source], result_types=[tensor(shape, type_of(source).element_type)])

    @classmethod
    def parse(cls, parser: Parser) -> ReshapeOp:
        source = parse_value(parser)
        return cls.create(operands=[source], result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        _print_result(printer, self.result)

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
class TransposeOp(_ViewOp):
    """Axis k of the result is axis ``permutation[k]`` of the source."""

    name = "tensor_ext.transpose"
    permutation = prop_def(DenseArrayBase)

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
        source, permutation = parse_value(parser), _parse_ints(parser)
        return cls.create(
            operands=[source], properties={"permutation": permutation}, result_types=[_parse_result(parser)]
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" {list(self.axes)}")
        _print_result(printer, self.result)

    def verify_(self) -> None:
        t = type_of(self.source)
        if sorted(self.axes) != list(range(len(t.shape))):
            raise VerifyException(f"{list(self.axes)} is no permutation of {len(t.shape)} axes")
        if type_of(self.result).shape != tuple(t.shape[p] for p in self.axes):
            raise VerifyException("the result's sizes are not the permuted ones")


@irdl_op_definition
class BroadcastOp(_ViewOp):
    """Axis k of the source (a tensor, or a scalar along ``[]``) is axis ``along[k]`` of the result; the others repeat."""

    name = "tensor_ext.broadcast"
    along = prop_def(DenseArrayBase)

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
        along = _parse_ints(parser)
        return cls.create(operands=[source], properties={"along": along}, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" along {list(self.axes)}")
        _print_result(printer, self.result)

    def verify_(self) -> None:
        shape = self.source.type.shape if isinstance(self.source.type, TensorType) else ()
        result = type_of(self.result).shape
        if list(self.axes) != sorted(set(self.axes)) or len(self.axes) != len(shape):
            raise VerifyException("'along' names one axis of the result, in order, for each axis of the source")
        if any(a >= len(result) or result[a] != s for a, s in zip(self.axes, shape, strict=True)):
            raise VerifyException(f"the sizes of {self.source.type} and {self.result.type} differ along {list(self.axes)}")


@irdl_op_definition
class SliceOp(_ViewOp):
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
        source, axis = parse_value(parser), _parse_int(parser, "axis")
        parser.parse_keyword("from")
        start = ExprAttr(parse_expr(parser))
        step = _parse_int(parser, "step")
        return cls.create(
            operands=[source],
            properties={"axis": axis, "start": start, "step": step},
            result_types=[_parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data} from {self.start.data} step {self.step.value.data}")
        _print_result(printer, self.result)

    def verify_(self) -> None:
        source, result, axis = type_of(self.source).shape, type_of(self.result).shape, self.axis.value.data
        if axis >= len(source) or len(source) != len(result) or self.step.value.data < 1:
            raise VerifyException("slice wants an axis of the source, a positive step, and as many axes in the result")
        if any(s != r for k, (s, r) in enumerate(zip(source, result, strict=True)) if k != axis):
            raise VerifyException("slice changes one axis only")


@irdl_op_definition
class PadOp(_ViewOp):
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
        props: dict[str, Attribute] = {k: _parse_int(parser, k) for k in ("axis", "low", "high")}
        return cls.create(operands=[source], properties=props, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(
            f" axis {self.axis.value.data} low {self.low.value.data} high {self.high.value.data}"
        )
        _print_result(printer, self.result)

    def verify_(self) -> None:
        source, axis = type_of(self.source).shape, self.axis.value.data
        by = self.low.value.data + self.high.value.data
        if type_of(self.result).shape != tuple(s + by if k == axis else s for k, s in enumerate(source)):
            raise VerifyException("the result is not the padded size")


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
        axis = _parse_int(parser, "axis")
        return cls.create(operands=parts, properties={"axis": axis}, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_list(self.parts, printer.print_operand)
        printer.print_string(f" axis {self.axis.value.data}")
        _print_result(printer, self.result)

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
        source, axis = parse_value(parser), _parse_int(parser, "axis")
        parser.parse_keyword("at")
        at = parse_value(parser)
        return cls.create(operands=[source, at], properties={"axis": axis}, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_operand(self.source)
        printer.print_string(f" axis {self.axis.value.data} at ")
        printer.print_operand(self.at)
        _print_result(printer, self.result)

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
        axis = _parse_int(parser, "axis")
        return cls.create(properties={"axis": axis}, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        printer.print_string(f" axis {self.axis.value.data}")
        _print_result(printer, self.result)

    def verify_(self) -> None:
        if self.axis.value.data >= len(type_of(self.result).shape):
            raise VerifyException("iota wants an axis of the result")


@irdl_op_definition
class ReduceOp(IRDLOperation):
    """``⊕`` over some axes, which leave the shape."""

    name = "tensor_ext.reduce"
    source = operand_def(TensorType)
    kind = prop_def(StringAttr)
    over = prop_def(DenseArrayBase)
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
        over = _parse_ints(parser)
        return cls.create(
            operands=[source],
            properties={"kind": StringAttr(kind), "over": over},
            result_types=[_parse_result(parser)],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.kind.data} ")
        printer.print_operand(self.source)
        printer.print_string(f" over {list(self.axes)}")
        _print_result(printer, self.result)

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
        return cls.create(operands=[lhs, rhs], properties=props, result_types=[_parse_result(parser)])

    def print(self, printer: Printer) -> None:
        a, b, out = (f"[{', '.join(part)}]" for part in self.maps)
        printer.print_string(" ")
        printer.print_operand(self.lhs)
        printer.print_string(a + ", ")
        printer.print_operand(self.rhs)
        printer.print_string(f"{b} -> {out}")
        if self.precision:
            printer.print_string(f" precision {self.precision.data}")
        _print_result(printer, self.result)

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
        super().__init__(
            operands=[inputs], properties={"sym_name": StringAttr(name)}, regions=[body], result_types=[results]
        )

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


TensorExt = Dialect(
    "tensor_ext",
    [
        BroadcastOp, CallOp, ConcatOp, ContractOp, GroupOp, IotaOp, PadOp, ReduceOp, ReshapeOp, SliceOp, TakeOp,
        TransposeOp, YieldOp,
    ],
    [ExprAttr, TensorType],
)  # fmt: skip
