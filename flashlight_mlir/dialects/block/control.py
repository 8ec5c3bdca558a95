"""``block.kernel`` (what one launch runs), ``block.program`` (which program this is) and ``block.for``."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IndexType, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator, NoTerminator, Pure, RecursiveMemoryEffect
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.block.memory import StoreOp
from flashlight_mlir.dialects.expr import ExprArray, expr_array, exprs, parse_expr
from flashlight_mlir.dialects.syntax import parse_value, resolve_value
from flashlight_mlir.dialects.tensor_ext import TensorType, parse_bindings, print_bindings
from flashlight_mlir.expr import Expr


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A kernel of ``programs`` programs (a product of index expressions), which store its results."""

    name = "block.kernel"
    inputs = var_operand_def()
    sym_name = prop_def(StringAttr)
    programs = prop_def(ExprArray)
    warps = prop_def(IntegerAttr)
    stages = prop_def(IntegerAttr)
    body = region_def("single_block")
    outputs = var_result_def(TensorType)
    traits = traits_def(Pure(), IsolatedFromAbove(), NoTerminator())

    def __init__(
        self,
        name: str,
        inputs: Sequence[SSAValue],
        programs: Sequence[Expr],
        body: Region,
        results: Sequence[Attribute],
        warps: int = 4,
        stages: int = 2,
    ):
        super().__init__(
            operands=[inputs],
            properties={
                "sym_name": StringAttr(name),
                "programs": expr_array(programs),
                "warps": IntegerAttr(warps, i64),
                "stages": IntegerAttr(stages, i64),
            },
            regions=[body],
            result_types=[results],
        )

    @property
    def grid(self) -> tuple[Expr, ...]:
        return exprs(self.programs)

    @property
    def block(self) -> Block:
        return self.body.block

    @classmethod
    def parse(cls, parser: Parser) -> KernelOp:
        name = parser.parse_symbol_name()
        inputs, args = parse_bindings(parser)
        parser.parse_keyword("programs")
        programs = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parse_expr(parser))
        parser.parse_keyword("warps")
        warps = parser.parse_integer(allow_boolean=False, allow_negative=False)
        parser.parse_keyword("stages")
        stages = parser.parse_integer(allow_boolean=False, allow_negative=False)
        body = parser.parse_region(args)
        parser.parse_punctuation(":")
        results = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls(name.data, inputs, programs, body, results, warps, stages)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        print_bindings(printer, self.block.args, self.inputs)
        printer.print_string(f" programs [{', '.join(map(str, self.grid))}]")
        printer.print_string(f" warps {self.warps.value.data} stages {self.stages.value.data} ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_string(" : ")
        printer.print_list(self.outputs.types, printer.print_attribute)

    def verify_(self) -> None:
        if self.block.arg_types != self.inputs.types:
            raise VerifyException("a kernel's arguments have the types of its inputs")
        if any(not n[0].isupper() for e in self.grid for n in e.names):
            raise VerifyException("the number of programs is an expression over size symbols")
        warps, stages = self.warps.value.data, self.stages.value.data
        if warps not in (1, 2, 4, 8, 16, 32) or not 1 <= stages <= 16:
            raise VerifyException(f"warps are a power of two up to 32 and stages 1 to 16, got {warps} and {stages}")
        for op in self.body.walk():
            if isinstance(op, StoreOp):
                number = op.number.value.data
                if number >= len(self.outputs):
                    raise VerifyException(f"block.store writes result {number} of {len(self.outputs)}")
                type = self.outputs[number].type
                assert isinstance(type, TensorType)
                op.verify_index(len(type.shape))


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """The number of this program, from 0."""

    name = "block.program"
    result = result_def(IndexType)
    traits = traits_def(Pure())

    def __init__(self) -> None:
        super().__init__(result_types=[IndexType()])

    @classmethod
    def parse(cls, parser: Parser) -> ProgramOp:
        parser.parse_punctuation(":")
        return cls.create(result_types=[parser.parse_type()])

    def print(self, printer: Printer) -> None:
        printer.print_string(" : ")
        printer.print_attribute(self.result.type)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The next state of a loop."""

    name = "block.yield"
    values = var_operand_def()
    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(ForOp)))

    def __init__(self, values: Sequence[SSAValue]):
        super().__init__(operands=[values])

    @classmethod
    def parse(cls, parser: Parser) -> YieldOp:
        first = parser.parse_optional_unresolved_operand()
        values = [] if first is None else [resolve_value(parser, first)]
        while values and parser.parse_optional_punctuation(","):
            values.append(parse_value(parser))
        return cls(values)

    def print(self, printer: Printer) -> None:
        if self.values:
            printer.print_string(" ")
            printer.print_list(self.values, printer.print_operand)


@irdl_op_definition
class ForOp(IRDLOperation):
    """``block.for %j = %lo to %hi step 64 (%a = %init : T) { … block.yield %next }``: results are the last state.

    A loop that seldom runs is not pipelined: ``step 64 stages 1``.
    """

    name = "block.for"
    low = operand_def(IndexType)
    high = operand_def(IndexType)
    init = var_operand_def()
    step = prop_def(IntegerAttr)
    stages = opt_prop_def(IntegerAttr)
    body = region_def("single_block")
    outputs = var_result_def()
    traits = traits_def(RecursiveMemoryEffect())

    def __init__(
        self,
        low: SSAValue,
        high: SSAValue,
        step: int,
        init: Sequence[SSAValue],
        body: Region,
        stages: int | None = None,
    ):
        super().__init__(
            operands=[low, high, init],
            properties={"step": IntegerAttr(step, i64), "stages": None if stages is None else IntegerAttr(stages, i64)},
            regions=[body],
            result_types=[[v.type for v in init]],
        )

    @property
    def counter(self) -> SSAValue:
        return self.body.block.args[0]

    @property
    def state(self) -> Sequence[SSAValue]:
        return self.body.block.args[1:]

    @property
    def next_state(self) -> Sequence[SSAValue]:
        last = self.body.block.last_op
        assert isinstance(last, YieldOp)
        return last.values

    @classmethod
    def parse(cls, parser: Parser) -> ForOp:
        args = [parser.parse_argument(expect_type=False).resolve(IndexType())]
        parser.parse_punctuation("=")
        low = parse_value(parser)
        parser.parse_keyword("to")
        high = parse_value(parser)
        parser.parse_keyword("step")
        step = parser.parse_integer(allow_boolean=False, allow_negative=False)
        stages = None
        if parser.parse_optional_keyword("stages"):
            stages = parser.parse_integer(allow_boolean=False, allow_negative=False)
        init: list[SSAValue] = []

        def state() -> None:
            name = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            init.append(parse_value(parser))
            parser.parse_punctuation(":")
            args.append(name.resolve(parser.parse_type()))

        parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, state)
        return cls(low, high, step, init, parser.parse_region(args), stages)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.counter)
        printer.print_string(" = ")
        printer.print_operand(self.low)
        printer.print_string(" to ")
        printer.print_operand(self.high)
        printer.print_string(f" step {self.step.value.data} ")
        if self.stages is not None:
            printer.print_string(f"stages {self.stages.value.data} ")
        if self.init:
            with printer.in_parens():
                for k, (arg, value) in enumerate(zip(self.state, self.init, strict=True)):
                    printer.print_string(", " if k else "")
                    printer.print_ssa_value(arg)
                    printer.print_string(" = ")
                    printer.print_operand(value)
                    printer.print_string(" : ")
                    printer.print_attribute(arg.type)
            printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)

    def verify_(self) -> None:
        types = list(self.outputs.types)
        last = self.body.block.last_op
        if self.step.value.data < 1:
            raise VerifyException("block.for steps forward")
        if self.stages is not None and not 1 <= self.stages.value.data <= 16:
            raise VerifyException(f"block.for has 1 to 16 stages, got {self.stages.value.data}")
        if list(self.init.types) != types or [a.type for a in self.body.block.args] != [IndexType(), *types]:
            raise VerifyException("block.for has a counter, and the same types for initial, carried and last state")
        if not isinstance(last, YieldOp) or list(last.values.types) != types:
            raise VerifyException(f"block.for yields its state: {', '.join(map(str, types))}")
