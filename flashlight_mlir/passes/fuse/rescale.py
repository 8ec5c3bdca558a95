"""A fold's maximum in units of log₂e: where ``exp2`` builds the scaled values, and what else reads them is scaled back."""

from __future__ import annotations

from math import e, inf, log2

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, f64
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from flashlight_mlir.dialects.loop import FoldOp, KernelOp, YieldOp
from flashlight_mlir.dialects.pointwise import PointwiseOp, build, kind, number

LOG2E = log2(e)


def scaled(value: SSAValue) -> tuple[SSAValue, SSAValue] | None:
    """``(f, c)`` if the value is ``f · c`` with a constant 0 < c < ∞."""
    op = value.owner
    if not isinstance(op, PointwiseOp) or kind(op) != "mul":
        return None
    for f, c in (op.args, op.args[::-1]):
        constant = number(c)
        if constant is not None and 0 < constant < inf and number(f) is None:
            return f, c
    return None


class Rescale:
    """Values times log₂e, built where the values are defined; the state of a fold that enters an exponent is kept so scaled."""

    def __init__(self, kernel: KernelOp):
        self.order = list(kernel.dims)
        self.scaled: dict[SSAValue, SSAValue] = {}
        self.states: dict[tuple[FoldOp, int], None] = {}

    def of(self, value: SSAValue) -> SSAValue:
        if value not in self.scaled:
            self.scaled[value] = self._state(value) or self._build(value)
        return self.scaled[value]

    def _state(self, value: SSAValue) -> SSAValue | None:
        """The part of a fold's state that ``value`` is, now in units of log₂e."""
        owner = value.owner
        fold = owner if isinstance(owner, FoldOp) else owner.parent_op() if isinstance(owner, Block) else None
        if not isinstance(fold, FoldOp) or not isinstance(value, OpResult | BlockArgument):
            return None
        k = value.index % len(fold.init)
        if number(fold.init[k]) not in (inf, -inf):
            return None
        self.states[fold, k] = None
        return value

    def _build(self, value: SSAValue) -> SSAValue:
        op = value.owner
        constant, found = number(value), scaled(value)
        if constant is not None:
            return self._after(value, ConstantOp(FloatAttr(constant * LOG2E, f64)))
        if found is not None and (lifted := number(found[1])) is not None:
            return self._times(value, found[0], lifted * LOG2E)
        if isinstance(op, PointwiseOp) and kind(op) in ("max", "min"):
            return self._after(value, build(op.ROW.name, *map(self.of, op.args), order=self.order))
        if isinstance(op, PointwiseOp) and kind(op) == "select" and any(number(a) is not None for a in op.args[1:]):
            return self._after(value, build("select", op.args[0], *map(self.of, op.args[1:]), order=self.order))
        return self._times(value, value, LOG2E)

    def _times(self, at: SSAValue, value: SSAValue, factor: float) -> SSAValue:
        constant = ConstantOp(FloatAttr(factor, f64))
        return self._after(at, build("mul", value, constant.result, order=self.order), constant)

    def _after(self, at: SSAValue, op: Operation, *before: Operation) -> SSAValue:
        new = [*before, op]
        for o in new:
            o.location = at.owner.location if isinstance(at.owner, Operation) else o.location
        if isinstance(at.owner, Operation):
            Rewriter.insert_op(new, InsertPoint.after(at.owner))
        else:
            Rewriter.insert_op(new, InsertPoint.at_start(at.owner))
        return op.results[0]

    def settle(self) -> None:
        """Make the folds carry the scaled state: yields are scaled, and other uses of it scaled back."""
        done: set[tuple[FoldOp, int]] = set()
        while pending := [s for s in self.states if s not in done]:
            for fold, k in pending:
                done.add((fold, k))
                regions = [fold.body, *([fold.merge] if fold.merge else [])]
                for region in regions:
                    last = region.block.last_op
                    assert last is not None
                    last.operands[k] = self.of(last.operands[k])
                args = [a for r in regions for a in r.block.args if a.index % len(fold.init) == k]
                for value in (*args, fold.results[k]):
                    self._scale_back(value)

    def _scale_back(self, value: SSAValue) -> None:
        mine = set(self.scaled.values())
        uses = [
            u for u in value.uses
            if not isinstance(u.operation, YieldOp) and not (set(u.operation.results) & mine) and u.operation.name != "pointwise.exp2"
            and not any(o.name == "pointwise.exp2" for r in u.operation.results for o in (w.operation for w in r.uses))
        ]  # fmt: skip
        if uses:
            back = self._times(value, value, 1 / LOG2E)
            for use in uses:
                use.operation.operands[use.index] = back
