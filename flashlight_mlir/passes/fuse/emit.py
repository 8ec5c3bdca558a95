"""Terms back to ops: each value stands in the outermost loop that has its dims, once.

A scope is a block under construction with the dims of its fold; ``bound`` says which reductions mean something else in it
(inside a fold, the maximum of w is the running one).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IndexType, IntegerAttr, f64, i1
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, SSAValue

from flashlight_mlir.analysis.terms import Pool, Term
from flashlight_mlir.dialects.loop import ContractOp, ReduceOp
from flashlight_mlir.dialects.pointwise import build as build_op
from flashlight_mlir.dialects.syntax import element_of, is_float, is_number

ROOTS = {-0.5: "rsqrt", 0.5: "sqrt", -1: "recip"}


class CannotPlace(Exception):
    """A value stands in no loop over its dims."""


@dataclass
class Scope:
    block: Block
    dims: frozenset[str] = frozenset()
    bound: frozenset[Term] = frozenset()
    values: dict[Term, SSAValue] = field(default_factory=dict[Term, SSAValue])


@dataclass
class Emitter:
    pool: Pool
    streamed: frozenset[str]
    scopes: list[Scope]

    def fold(self, t: Term, depth: int) -> SSAValue:
        """The value of a reduction over streamed dims, in scope ``depth``: the flat form just reduces."""
        return self.reduction(t, depth)

    def depth(self, t: Term) -> int:
        """The outermost scope that has the term's dims and meanings."""
        need = t.dims & self.streamed
        for k, _ in enumerate(self.scopes):
            open_dims = frozenset[str]().union(*(s.dims for s in self.scopes[: k + 1]))
            if need <= open_dims and not any(s.bound & t.below for s in self.scopes[k + 1 :]):
                return k
        raise CannotPlace(f"a value over {', '.join(sorted(need))} is wanted outside of any loop over them")

    def value(self, t: Term) -> SSAValue:
        """Emit ``t`` once."""
        is_argument = isinstance(t.data, BlockArgument)
        if is_argument:
            return t.data
        k = self.depth(t)
        values = self.scopes[k].values
        if t not in values:
            new = self.emit(t, k)
            origin = self.pool.origin.get(t)
            if origin is not None and new.name_hint is None:
                new.name_hint = origin.name_hint
            if isinstance(origin, OpResult) and isinstance(new, OpResult):
                new.op.location = origin.op.location
            values[t] = new
        return values[t]

    def emit(self, t: Term, k: int) -> SSAValue:
        match t.op:
            case "number":
                return self.number(t.value or 0.0, k, bool(t.data[1]))
            case "reduce" | "contract":
                return self.fold(t, k) if self.streamed.intersection(t.over) else self.reduction(t, k)
            case "sum":
                return self.sum(t, k)
            case "product":
                return self.product(t, k)
            case "power":
                return self.power(t.args[0], t.data, k)
            case "leaf":
                cls, properties, type = t.data
                op = cls.create(operands=[self.value(a) for a in t.args], properties=dict(properties), result_types=[type])
                return self.insert(op, k)
            case _:
                return self.op(t.op, *(self.value(a) for a in t.args), k=k, to=t.data)

    def reduction(self, t: Term, k: int) -> SSAValue:
        """``loop.reduce`` or ``loop.contract`` of what stands at hand."""
        if t.op == "reduce":
            kind, over = t.data
            source = self.value(t.args[0])
            return self.insert(ReduceOp(kind, source, over), k)
        over, precision, elements, element = t.data
        lhs, rhs = [self.cast(self.value(a), e, k) for a, e in zip(t.args, elements, strict=True)]
        return self.insert(ContractOp(lhs, rhs, over, self.pool.order, element, precision), k)

    def sum(self, t: Term, k: int) -> SSAValue:
        parts = [(c, self.value(r) if r else None) for c, r in map(self.pool.coefficient, t.args)]
        parts.sort(key=lambda p: (p[1] is None, p[0] < 0))
        total: SSAValue | None = None
        for c, v in parts:
            if v is None:
                v, c = self.number(abs(c), k), 1 if c > 0 else -1
            elif abs(c) != 1:
                v = self.op("mul", v, self.number(abs(c), k), k=k)
            first = v if c > 0 or total is not None else self.op("neg", v, k=k)
            total = first if total is None else self.op("add" if c > 0 else "sub", total, v, k=k)
        assert total is not None
        return total

    def product(self, t: Term, k: int) -> SSAValue:
        """Numerator over denominator; a factor that is a mask selects."""
        c, _ = self.pool.coefficient(t)
        tops, bottoms, masks = list[Term](), list[Term](), list[Term]()
        for p in t.args:
            if p.value is None:
                mask = p.op == "cast" and self._is_mask(p)
                (masks if mask else bottoms if p.op == "power" and p.data == -1 else tops).append(p)
        if not tops and not bottoms:  # numbers alone would be f64
            tops, masks = masks[:1], masks[1:]
        values = [self.value(p) for p in tops]
        if abs(c) != 1 or not values:
            values.append(self.number(abs(c), k))
        total = values[0]
        for v in values[1:]:
            total = self.op("mul", total, v, k=k)
        for p in bottoms:
            total = self.op("div", total, self.value(p.args[0]), k=k)
        if c < 0:
            total = self.op("neg", total, k=k)
        for p in masks:
            total = self.op("select", self.value(p.args[0]), total, self.number(0, k), k=k)
        return total

    def _is_mask(self, t: Term) -> bool:
        return is_float(t.data) and element_of(self.value(t.args[0]).type) == i1

    def power(self, base: Term, n: float, k: int) -> SSAValue:
        x = self.value(base)
        if n in ROOTS:
            return self.op(ROOTS[n], x, k=k)
        if float(n).is_integer() and 2 <= abs(n) <= 8:
            total = x
            for _ in range(int(abs(n)) - 1):
                total = self.op("mul", total, x, k=k)
            return total if n > 0 else self.op("recip", total, k=k)
        return self.op("pow", x, self.number(n, k), k=k)

    def number(self, value: float, k: int, index: bool = False) -> SSAValue:
        """A constant, in the outermost block."""
        key = self.pool.make("number", (), (int(value) if index else float(value), index))
        outer = self.scopes[0]
        if key not in outer.values:
            attribute = IntegerAttr(int(value), IndexType()) if index else FloatAttr(float(value), f64)
            op = ConstantOp(attribute)
            first = outer.block.first_op
            if first is None:
                outer.block.add_op(op)
            else:
                outer.block.insert_op_before(op, first)
            outer.values[key] = op.result
        return outer.values[key]

    def op(self, name: str, *args: SSAValue, k: int = -1, to: Attribute | None = None) -> SSAValue:
        """A pointwise op in scope ``k``; floats of different width meet in the widest."""
        operands = list(args)
        if name != "cast":
            values = operands[1:] if name == "select" else operands
            wide = [v for v in values if is_float(v.type) and not is_number(v.type)]
            if len({element_of(v.type) for v in wide}) > 1:
                widest = max((element_of(v.type) for v in wide), key=lambda e: e.bitwidth)  # type: ignore[attr-defined]
                operands = [self.cast(v, widest, k) if v in wide else v for v in operands]
        return self.insert(build_op(name, *operands, to=to, order=self.pool.order), k)

    def cast(self, v: SSAValue, element: Attribute, k: int) -> SSAValue:
        return v if element_of(v.type) == element else self.insert(build_op("cast", v, to=element), k)

    def insert(self, op: Operation, k: int) -> SSAValue:
        self.scopes[k].block.add_op(op)
        return op.results[0]
