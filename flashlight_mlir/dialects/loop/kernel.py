"""``loop.kernel``: dims with their extents, a schedule, and a body over the dims."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, NoTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprAttr, exprs, parse_expr
from flashlight_mlir.dialects.loop.schedule import Schedule, ScheduleAttr, parse_schedule, schedule_text
from flashlight_mlir.dialects.loop.types import parse_dim
from flashlight_mlir.dialects.loop.verify import verify_kernel
from flashlight_mlir.dialects.tensor_ext import TensorType, parse_bindings, print_bindings
from flashlight_mlir.expr import Expr


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A kernel: its dims with their extents in order, and a body over named dims that stores each result once."""

    name = "loop.kernel"
    inputs = var_operand_def()
    sym_name = prop_def(StringAttr)
    dim_names = prop_def(ArrayAttr[StringAttr])
    extents = prop_def(ArrayAttr[ExprAttr])
    schedule = opt_prop_def(ScheduleAttr)
    body = region_def("single_block")
    outputs = var_result_def(TensorType)
    traits = traits_def(Pure(), IsolatedFromAbove(), NoTerminator())

    def __init__(
        self,
        name: str,
        inputs: Sequence[SSAValue],
        dims: dict[str, Expr],
        body: Region,
        results: Sequence[Attribute],
        schedule: Schedule | None = None,
    ):
        super().__init__(
            operands=[inputs],
            properties={
                "sym_name": StringAttr(name),
                "dim_names": ArrayAttr([StringAttr(d) for d in dims]),
                "extents": ArrayAttr([ExprAttr(e) for e in dims.values()]),
                "schedule": ScheduleAttr(schedule) if schedule else None,
            },
            regions=[body],
            result_types=[results],
        )

    @property
    def dims(self) -> dict[str, Expr]:
        """Extent of each dim, in the kernel's order."""
        return dict(zip((d.data for d in self.dim_names), exprs(self.extents), strict=True))

    @dims.setter
    def dims(self, dims: dict[str, Expr]) -> None:
        self.dim_names = ArrayAttr([StringAttr(d) for d in dims])
        self.extents = ArrayAttr([ExprAttr(e) for e in dims.values()])

    @property
    def block(self) -> Block:
        return self.body.block

    @classmethod
    def parse(cls, parser: Parser) -> KernelOp:
        name = parser.parse_symbol_name()
        inputs, args = parse_bindings(parser)
        parser.parse_keyword("dims")
        dims: dict[str, Expr] = {}

        def dim() -> None:
            position = parser.pos
            d = parse_dim(parser)
            if d in dims:
                parser.raise_error(f"dim {d} is declared twice", position)
            parser.parse_punctuation("=")
            dims[d] = parse_expr(parser)

        parser.parse_comma_separated_list(parser.Delimiter.SQUARE, dim)
        schedule = parse_schedule(parser) if parser.parse_optional_keyword("schedule") else None
        body = parser.parse_region(args)
        parser.parse_punctuation(":")
        results = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls(name.data, inputs, dims, body, results, schedule)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        print_bindings(printer, self.block.args, self.inputs)
        printer.print_string(f" dims [{', '.join(f'{d} = {e}' for d, e in self.dims.items())}] ")
        if self.schedule:
            printer.print_string(f"schedule {schedule_text(self.schedule.data)} ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_string(" : ")
        printer.print_list(self.outputs.types, printer.print_attribute)

    def verify_(self) -> None:
        plans = [p.dim for p in self.schedule.data.plans] if self.schedule else None
        verify_kernel(self.block, self.dims, self.inputs.types, self.outputs.types, plans)


def kernel_of(op: Operation) -> KernelOp:
    """The kernel that ``op`` stands in."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, KernelOp):
        parent = parent.parent_op()
    if parent is None:
        raise VerifyException(f"{op.name} stands in no loop.kernel")
    return parent
