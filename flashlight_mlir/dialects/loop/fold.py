"""``loop.fold``: a loop over chunks of dims that carries a state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ArrayAttr, StringAttr, UnitAttr, i1
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    AttrSizedRegionSegments,
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    opt_operand_def,
    opt_prop_def,
    opt_region_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsTerminator, RecursiveMemoryEffect
from xdsl.utils.exceptions import VerifyException

from flashlight_mlir.dialects.expr import ExprAttr, parse_expr
from flashlight_mlir.dialects.loop.types import TileType, dims_of, parse_dim
from flashlight_mlir.dialects.syntax import element_of, parse_value, resolve_value
from flashlight_mlir.expr import Expr


@irdl_op_definition
class YieldOp(IRDLOperation):
    """The next state of a fold, or the state that ``combine`` makes of two."""

    name = "loop.yield"
    values = var_operand_def()
    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(FoldOp)))

    def __init__(self, values: Sequence[SSAValue]):
        super().__init__(operands=[values])

    @classmethod
    def parse(cls, parser: Parser) -> YieldOp:
        first = parser.parse_optional_unresolved_operand()
        if first is None:
            return cls([])
        values = [resolve_value(parser, first)]
        while parser.parse_optional_punctuation(","):
            values.append(parse_value(parser))
        return cls(values)

    def print(self, printer: Printer) -> None:
        if self.values:
            printer.print_string(" ")
            printer.print_list(self.values, printer.print_operand)


@irdl_op_definition
class FoldOp(IRDLOperation):
    """A loop over chunks of ``dims`` within ``[lo, hi)`` each; in the body a dim means the chunk at hand.

    ``full`` states that every tile of the range is whole. ``combine`` merges the states of two disjoint parts.
    Initial values may be scalars: they broadcast to the state's type. ``condition`` promises that where it is false, no step
    changes the state, so that none need run.
    """

    name = "loop.fold"
    init = var_operand_def()
    condition = opt_operand_def()
    dim_names = prop_def(ArrayAttr[StringAttr])
    lows = prop_def(ArrayAttr[ExprAttr])
    highs = prop_def(ArrayAttr[ExprAttr])
    full = opt_prop_def(UnitAttr)
    body = region_def("single_block")
    merge = opt_region_def("single_block")
    outputs = var_result_def()
    traits = traits_def(RecursiveMemoryEffect())
    irdl_options = (AttrSizedOperandSegments(as_property=True), AttrSizedRegionSegments(as_property=True))

    def __init__(
        self,
        ranges: dict[str, tuple[Expr, Expr]],
        init: Sequence[SSAValue],
        body: Region,
        merge: Region | None = None,
        full: bool = False,
        condition: SSAValue | None = None,
    ):
        super().__init__(
            operands=[init, condition],
            properties={
                "dim_names": ArrayAttr([StringAttr(d) for d in ranges]),
                "lows": ArrayAttr([ExprAttr(lo) for lo, _ in ranges.values()]),
                "highs": ArrayAttr([ExprAttr(hi) for _, hi in ranges.values()]),
                "full": UnitAttr() if full else None,
            },
            regions=[body, merge],
            result_types=[[a.type for a in body.block.args]],
        )

    @property
    def ranges(self) -> dict[str, tuple[Expr, Expr]]:
        return {d.data: (lo.data, hi.data) for d, lo, hi in zip(self.dim_names, self.lows, self.highs, strict=True)}

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(d.data for d in self.dim_names)

    @property
    def continues(self) -> bool:
        """Its state comes from another fold over the same dims: they are parts of one range."""
        before = self.init[0].owner if self.init else None
        return isinstance(before, FoldOp) and before.dims == self.dims and set(self.init) <= set(before.results)

    @property
    def next_state(self) -> Sequence[SSAValue]:
        last = self.body.block.last_op
        assert isinstance(last, YieldOp)
        return last.values

    @classmethod
    def parse(cls, parser: Parser) -> FoldOp:
        parser.parse_keyword("over")
        position = parser.pos
        dims = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: parse_dim(parser))
        parser.parse_keyword("in")
        ranges = [_parse_range(parser) for _ in dims[:1]]
        while parser.parse_optional_punctuation(","):
            ranges.append(_parse_range(parser))
        if len(ranges) != len(dims) or len(set(dims)) != len(dims):
            parser.raise_error("a fold wants one range for each of its dims", position)
        full = parser.parse_optional_keyword("full") is not None
        condition = parse_value(parser) if parser.parse_optional_keyword("if") else None
        init: list[SSAValue] = []
        args: list[Parser.Argument] = []

        def state() -> None:
            name = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            init.append(parse_value(parser))
            parser.parse_punctuation(":")
            args.append(name.resolve(parser.parse_type()))

        parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, state)
        body = parser.parse_region(args)
        merge = None
        if parser.parse_optional_keyword("combine"):
            types = [a.type for a in args]
            sides = _parse_side(parser, types)
            parser.parse_punctuation(",")
            merge = parser.parse_region([*sides, *_parse_side(parser, types)])
        return cls(dict(zip(dims, ranges, strict=True)), init, body, merge, full, condition)

    def print(self, printer: Printer) -> None:
        spans = ", ".join(f"[{lo}, {hi})" for lo, hi in self.ranges.values())
        printer.print_string(f" over [{', '.join(self.dims)}] in {spans} " + ("full " if self.full else ""))
        if self.condition:
            printer.print_string("if ")
            printer.print_operand(self.condition)
            printer.print_string(" ")
        if self.init:

            def state(pair: tuple[SSAValue, SSAValue]) -> None:
                printer.print_ssa_value(pair[0])
                printer.print_string(" = ")
                printer.print_operand(pair[1])
                printer.print_string(" : ")
                printer.print_attribute(pair[0].type)

            with printer.in_parens():
                printer.print_list(list(zip(self.body.block.args, self.init, strict=True)), state)
            printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        if self.merge:
            args, n = self.merge.block.args, len(self.init)
            printer.print_string(" combine ")
            for k, side in enumerate((args[:n], args[n:])):
                printer.print_string(", " if k else "")
                with printer.in_parens():
                    printer.print_list(side, printer.print_ssa_value)
            printer.print_string(" ")
            printer.print_region(self.merge, print_entry_block_args=False)

    def verify_(self) -> None:
        types = [a.type for a in self.body.block.args]
        if [*self.outputs.types] != types or len(self.init) != len(types):
            raise VerifyException("a fold has one initial value and one result for each part of its state")
        for init, state in zip(self.init.types, types, strict=True):
            if init != state and (isinstance(init, TileType) or not isinstance(state, TileType)):
                raise VerifyException(f"initial value {init} does not fit the state {state}")
        for region, args in ((self.body, types), *(((self.merge, [*types, *types]),) if self.merge else ())):
            last = region.block.last_op
            if not isinstance(last, YieldOp) or [*last.values.types] != types:
                raise VerifyException(f"a fold yields its state: {', '.join(map(str, types))}")
            if [a.type for a in region.block.args] != args:
                raise VerifyException("combine takes two states")
        if any(set(dims_of(t)) & set(self.dims) for t in types):
            raise VerifyException("the state of a fold has none of its dims: they exist only inside")
        if self.condition:
            over = set(dims_of(self.condition.type))
            if element_of(self.condition.type) != i1 or any(not over <= set(dims_of(t)) for t in types) or not types:
                raise VerifyException("the condition of a fold is an i1 over dims that each part of its state has")
            if any(op.name == "loop.store" for op in self.body.walk()):
                raise VerifyException("a fold with a condition stores nothing")


def _parse_range(parser: Parser) -> tuple[Expr, Expr]:
    parser.parse_punctuation("[")
    lo = parse_expr(parser)
    parser.parse_punctuation(",")
    hi = parse_expr(parser)
    parser.parse_punctuation(")")
    return lo, hi


def _parse_side(parser: Parser, types: Sequence[Attribute]) -> list[Parser.Argument]:
    names = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: parser.parse_argument(expect_type=False))
    if len(names) != len(types):
        parser.raise_error(f"combine wants {len(types)} values of each side")
    return [n.resolve(t) for n, t in zip(names, types, strict=True)]


def folds(op: Operation) -> Iterator[FoldOp]:
    """The folds around ``op``, innermost first."""
    parent = op.parent_op()
    while parent is not None:
        if isinstance(parent, FoldOp):
            yield parent
        parent = parent.parent_op()
