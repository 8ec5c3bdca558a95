"""Building ``loop.fold``: the state, one step over a chunk, and ``combine``, from the accumulators of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, i1
from xdsl.ir import Block, Region, SSAValue

from flashlight_mlir.analysis.accumulators import Accumulator, Unit, closure, moves
from flashlight_mlir.analysis.separate import Context
from flashlight_mlir.analysis.stages import Stages
from flashlight_mlir.analysis.terms import Term
from flashlight_mlir.dialects.loop import FoldOp, TileType, YieldOp
from flashlight_mlir.dialects.syntax import element_of, is_float
from flashlight_mlir.expr import Expr
from flashlight_mlir.passes.fuse.emit import CannotPlace, Emitter, Scope

MERGE = {"sum": "add", "max": "max", "min": "min", "prod": "mul", "any": "or", "all": "and"}
START = {"sum": 0.0, "max": -inf, "min": inf, "prod": 1.0}
State = dict[Term, SSAValue]


@dataclass
class Folder(Emitter):
    """An emitter that computes reductions over streamed dims in folds, one for each stage."""

    stages: Stages
    extents: dict[str, Expr] = field(default_factory=dict[str, Expr])
    live: frozenset[Term] = frozenset()
    """The reductions that a store needs."""

    def fold(self, t: Term, depth: int) -> SSAValue:
        """Emit the whole fold that ``t`` belongs to, and take its value."""
        outer = self.scopes[depth]
        inner, self.scopes = self.scopes[depth + 1 :], self.scopes[: depth + 1]
        dims = self.streamed.intersection(t.over)
        terms = [r for r in self.stages.stage if r in self.live and self._together(r, t) and r not in outer.values]
        early = frozenset(r for r, s in self.stages.stage.items() if s < self.stages.stage[t])
        context = Context(self.pool, t.over, self.streamed, self.stages.laws, early)
        accumulators = closure(context, terms)
        for a in accumulators:
            self.stages.stage.setdefault(a.term, self.stages.stage[t])
        order = tuple(d for d in self.pool.order if d in dims)
        body = self.open(order, frozenset(a.term for a in accumulators))
        step = Step(self, context, accumulators)
        after = step.chunk()
        init = [self.start(a.kind, step.before[a.term]) for a in accumulators]
        fold = self.close(order, body, init, after, step.combine())
        for a, result in zip(accumulators, fold.outputs, strict=True):
            outer.values[a.term] = result
            if a.term in self.pool.origin:
                result.name_hint = self.pool.origin[a.term].name_hint
        self.scopes += inner
        return outer.values[t]

    def _together(self, r: Term, t: Term) -> bool:
        stage, streamed = self.stages.stage, self.streamed
        return (
            stage[r] == stage[t]
            and streamed.intersection(r.over) == streamed.intersection(t.over)
            and r.dims & streamed == t.dims & streamed
            and r.over == t.over
        )

    def discard(self) -> None:
        """Forget what was built, so that it uses nothing of the kernel's."""
        for scope in self.scopes:
            for op in scope.block.ops:
                op.drop_all_references()

    def open(self, dims: Sequence[str], bound: frozenset[Term] = frozenset()) -> Scope:
        if again := [d for d in dims if any(d in s.dims for s in self.scopes)]:
            raise CannotPlace(f"a reduction over {', '.join(again)} is wanted inside of the loop over it")
        scope = Scope(Block(), frozenset(dims), bound)
        self.scopes.append(scope)
        return scope

    def close(
        self, dims: Sequence[str], body: Scope, init: list[SSAValue], after: list[SSAValue], merge: Region | None = None
    ) -> FoldOp:
        """End the innermost scope: its block becomes a fold in the one around it."""
        assert self.scopes.pop() is body
        body.block.add_op(YieldOp(after))
        ranges = {d: (Expr.of(0), self.extents[d]) for d in dims}
        fold = FoldOp(ranges, init, Region(body.block), merge)
        self.scopes[-1].block.add_op(fold)
        return fold

    def start(self, kind: str, state: SSAValue) -> SSAValue:
        """The identity of a reduction, as a number."""
        element = element_of(state.type)
        if is_float(element) and isinstance(state.type, TileType):
            return self.number(START[kind], 0)
        if is_float(element):
            return self.insert(ConstantOp(FloatAttr(START[kind], element)), 0)  # type: ignore[arg-type]
        if element == i1:
            return self.insert(ConstantOp(IntegerAttr(int(kind in ("all", "min", "prod")), i1)), 0)
        bits = element.bitwidth if isinstance(element, IntegerType) else 64
        value = {"max": -(2 ** (bits - 1)), "min": 2 ** (bits - 1) - 1, "prod": 1}.get(kind, 0)
        if not isinstance(state.type, TileType):
            return self.insert(ConstantOp(IntegerAttr(value, element)), 0)  # type: ignore[arg-type]
        return self.number(value, 0, index=True)


@dataclass
class Step:
    """The step and the combine of one fold; both rebase states to a common unit and merge them."""

    folder: Folder
    context: Context
    accumulators: list[Accumulator]
    before: State = field(default_factory=State)

    @property
    def units(self) -> list[Unit]:
        found = (u for a in self.accumulators for u, _ in (*a.exponentials, *a.powers))
        return list(dict.fromkeys(found))

    def op(self, name: str, *args: SSAValue) -> SSAValue:
        return self.folder.op(name, *args)

    def number(self, value: float) -> SSAValue:
        return self.folder.number(value, 0)

    def chunk(self) -> list[SSAValue]:
        """The body: raw maxima and sums of the chunk, new units, then what is kept in them."""
        scope = self.folder.scopes[-1]
        after: State = {}
        moved = [a for a in self.accumulators if a.exponentials or a.powers]
        for a in self.accumulators:
            if a not in moved:
                chunk = self.folder.reduction(a.term, -1)
                after[a.term] = self.op(MERGE[a.kind], self.old(scope, a, chunk), chunk)
                self._name(a, after[a.term])
        for unit in self.units:
            scope.values[unit.term] = self.unit(unit, after, empty=False)
        shifts = Shifts(self, self.before, scope.values)
        chunks: State = {}
        for a in moved:
            chunks[a.term] = self.folder.reduction(a.term, -1)
            self.old(scope, a, chunks[a.term])
        for a in moved:
            after[a.term] = self.op(MERGE[a.kind], shifts.rebase(a), chunks[a.term])
            self._name(a, after[a.term])
        order = list(self.before)
        assert order == [a.term for a in self.accumulators]
        return [after[a.term] for a in self.accumulators]

    def _name(self, a: Accumulator, new: SSAValue) -> None:
        if (value := self.folder.pool.origin.get(a.term)) and value.name_hint:
            new.name_hint = value.name_hint + "1"
            self.before[a.term].name_hint = value.name_hint + "0"

    def old(self, scope: Scope, a: Accumulator, like: SSAValue) -> SSAValue:
        """The state that the step begins with, as an argument of the body."""
        self.before[a.term] = scope.block.insert_arg(like.type, len(scope.block.args))
        return self.before[a.term]

    def unit(self, unit: Unit, state: State, empty: bool = True) -> SSAValue:
        """The unit that a state stands for; ``empty``: it may have seen nothing. Only the new maximum is guarded."""
        if unit.is_max:
            m = state[unit.term]
            return self.op("select", self.op("eq", m, self.number(-inf)), self.number(0), m)
        total, count = (state[t] for t in unit.term.args)
        return self.op("div", total, self.op("max", count, self.number(1)) if empty else count)

    def combine(self) -> Region:
        """The state of a whole from the states of two parts."""
        block = Block(arg_types=[v.type for v in self.before.values()] * 2)
        n = len(self.before)
        sides: list[State] = [dict(zip(self.before, args, strict=True)) for args in (block.args[:n], block.args[n:])]
        for suffix, side in zip("AB", sides, strict=True):
            for t, v in side.items():
                if (value := self.folder.pool.origin.get(t)) and value.name_hint:
                    v.name_hint = value.name_hint + suffix
        self.folder.scopes.append(Scope(block))
        after: State = {}
        for a in self.accumulators:
            if not (a.exponentials or a.powers):
                after[a.term] = self.op(MERGE[a.kind], *(s[a.term] for s in sides))
        units = {u.term: self.unit(u, after) for u in self.units}
        shifts = [Shifts(self, s, units) for s in sides]
        for a in self.accumulators:
            if a.exponentials or a.powers:
                after[a.term] = self.op(MERGE[a.kind], *(s.rebase(a) for s in shifts))
        block.add_op(YieldOp([after[a.term] for a in self.accumulators]))
        self.folder.scopes.pop()
        return Region(block)


@dataclass
class Shifts:
    """From the units of ``state`` to ``units``: ``exp(g - g')`` and ``g - g'``, each computed once."""

    step: Step
    state: State
    units: State
    scales: dict[Unit, SSAValue] = field(default_factory=dict[Unit, SSAValue])
    deltas: dict[Unit, SSAValue] = field(default_factory=dict[Unit, SSAValue])

    def scale(self, unit: Unit) -> SSAValue:
        """``exp(m - g')``; m may be -inf, and then it is 0."""
        if unit not in self.scales:
            difference = self.step.op("sub", self.state[unit.term], self.units[unit.term])
            self.scales[unit] = self.step.op("exp", difference)
        return self.scales[unit]

    def delta(self, unit: Unit) -> SSAValue:
        if unit not in self.deltas:
            self.deltas[unit] = self.step.op("sub", self.step.unit(unit, self.state), self.units[unit.term])
        return self.deltas[unit]

    def rebase(self, a: Accumulator) -> SSAValue:
        """The accumulator's old value in the new units."""
        op, total = self.step.op, None
        for c, powers, t in moves(self.step.context, a):
            part = self.state[t]
            for unit, p in powers:
                for _ in range(p):
                    part = op("mul", part, self.delta(unit))
            if c != 1:
                part = op("mul", part, self.step.number(c))
            total = part if total is None else op("add", total, part)
        assert total is not None
        for unit, n in a.exponentials:
            for _ in range(n):
                total = op("mul", total, self.scale(unit))
        return total
