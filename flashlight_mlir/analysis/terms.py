"""Terms: the values of a kernel as hash-consed expressions, so that equal values are one object.

A :class:`Pool` reads SSA values into terms. Sums, products and powers that the normal form builds are kept canonical
(flat, sorted, equal parts merged), so ``x - x`` is 0 and ``e * e`` is ``e ** 2`` by construction.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce as _fold
from typing import Any

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, f32
from xdsl.ir import Operation, SSAValue

from flashlight_mlir.dialects.loop import ContractOp, IndexOp, ReduceOp, dims_of
from flashlight_mlir.dialects.pointwise import PointwiseOp
from flashlight_mlir.dialects.syntax import element_of, is_number
from flashlight_mlir.expr import Expr


@dataclass(frozen=True, eq=False)
class Term:
    """``op`` of ``args``; ``data`` is what else tells it apart (hashable).

    ``op`` is a pointwise name, ``number`` (value), ``reduce`` (kind, over), ``contract`` (over, precision, operand element
    types, element), ``sum``, ``product``, ``power`` (exponent), or ``leaf`` (any other op or a block argument).
    """

    number: int
    op: str
    args: tuple[Term, ...]
    data: Any
    dims: frozenset[str]
    below: frozenset[Term]
    """Every reduction and contraction in the term, itself included."""

    @property
    def over(self) -> tuple[str, ...]:
        """The dims that a reduction or contraction reduces."""
        if self.op == "reduce":
            return self.data[1]
        return self.data[0] if self.op == "contract" else ()

    @property
    def value(self) -> float | None:
        """The number, if the term is one."""
        return self.data[0] if self.op == "number" else None

    def __lt__(self, other: Term) -> bool:
        return self.number < other.number

    def __str__(self) -> str:
        match self.op:
            case "number":
                return f"{self.value:g}"
            case "sum":
                return f"({' + '.join(map(str, self.args))})"
            case "product":
                return "*".join(map(str, self.args))
            case "power":
                return f"{self.args[0]}^{self.data}"
            case "reduce":
                return f"{self.data[0]}[{','.join(self.over)}]({self.args[0]})"
            case "leaf":
                return f"v{self.number}"
            case _:
                return f"{self.op}({', '.join(map(str, self.args))})"


@dataclass
class Pool:
    """All terms of one kernel. ``order`` is the kernel's order of dims."""

    order: tuple[str, ...] = ()
    table: dict[Hashable, Term] = field(default_factory=dict[Hashable, Term])
    read: dict[SSAValue, Term] = field(default_factory=dict[SSAValue, Term])
    origin: dict[Term, SSAValue] = field(default_factory=dict[Term, SSAValue])

    def make(self, op: str, args: Sequence[Term] = (), data: Any = None, dims: Iterable[str] | None = None) -> Term:
        key = (op, tuple(args), data)
        if key not in self.table:
            present = frozenset[str]().union(*(a.dims for a in args)) if dims is None else frozenset(dims)
            below = frozenset[Term]().union(*(a.below for a in args))
            over = data[1] if op == "reduce" else data[0] if op == "contract" else ()
            term = Term(len(self.table), op, tuple(args), data, present - frozenset(over), below)
            if op in ("reduce", "contract"):
                object.__setattr__(term, "below", below | {term})
            self.table[key] = term
        return self.table[key]

    def num(self, value: float) -> Term:
        return self.make("number", (), (float(value), False))

    def add(self, *terms: Term) -> Term:
        """The sum: flat, equal terms merged."""
        total: dict[Term, float] = {}
        constant = 0.0
        for t in terms:
            for part in t.args if t.op == "sum" else (t,):
                factor, base = self.coefficient(part)
                if base is None:
                    constant += factor
                else:
                    total[base] = total.get(base, 0.0) + factor
        parts = [self.mul(self.num(c), t) for t, c in total.items() if c]
        if constant:
            parts.append(self.num(constant))
        if len(parts) < 2:
            return parts[0] if parts else self.num(0)
        return self.make("sum", sorted(parts))

    def coefficient(self, t: Term) -> tuple[float, Term | None]:
        """``(c, rest)`` with ``t == c * rest``; rest is None for a number."""
        if t.value is not None:
            return t.value, None
        if t.op == "product" and t.args[0].value is not None:
            rest = t.args[1:]
            return t.args[0].value, rest[0] if len(rest) == 1 else self.make("product", rest)
        return 1.0, t

    def mul(self, *terms: Term) -> Term:
        """The product: flat, numbers multiplied, powers of one base merged."""
        constant, powers = 1.0, dict[Term, float]()
        for t in terms:
            for part in t.args if t.op == "product" else (t,):
                if part.value is not None:
                    constant *= part.value
                    continue
                base, n = (part.args[0], part.data) if part.op == "power" else (part, 1)
                powers[base] = powers.get(base, 0) + n
        if constant == 0:
            return self.num(0)
        parts = sorted(self.pow(base, n) for base, n in powers.items() if n)
        for base, n in powers.items():
            if not n:  # x / x is not 1 where x is 0 or NaN
                parts += [base, self.pow(base, -1)]
        parts.sort()
        if constant != 1 or not parts:
            parts.insert(0, self.num(constant))
        return parts[0] if len(parts) == 1 else self.make("product", parts)

    def pow(self, base: Term, n: float) -> Term:
        if n == 1 or n == 0:
            return base if n else self.num(1)
        if base.op == "power" and float(n).is_integer() and float(base.data).is_integer():
            return self.pow(base.args[0], base.data * n)
        if base.value is not None and (base.value > 0 or n > 0):
            return self.num(base.value**n)
        return self.make("power", (base,), int(n) if float(n).is_integer() else n)

    def neg(self, t: Term) -> Term:
        return self.mul(self.num(-1), t)

    def reduce(self, kind: str, source: Term, over: tuple[str, ...]) -> Term:
        return self.make("reduce", (source,), (kind, over))

    def one(self, over: tuple[str, ...]) -> Term:
        """1 at every point of ``over``: what a count sums."""
        point = _fold(lambda a, b: a + b, (Expr.of(d) for d in over))
        index = IndexOp(point, self.order)
        zero = self.make("number", (), (0, True))
        return self.make("cast", (self.make("ge", (self._leaf(index), zero)),), f32)

    def mean(self, w: Term, over: tuple[str, ...]) -> Term:
        """``sum w / sum 1``: never a constant 1/N, so that its running value is the mean so far."""
        return self.make("div", (self.reduce("sum", w, over), self.reduce("sum", self.one(over), over)))

    def _leaf(self, op: Operation) -> Term:
        args = [self.of(v) for v in op.operands]
        data = (type(op), tuple(sorted(op.properties.items())), op.results[0].type)
        return self.make("leaf", args, data, dims_of(op.results[0].type))

    def of(self, value: SSAValue) -> Term:
        """The term of an SSA value."""
        if value not in self.read:
            term = self._parse(value)
            self.read[value] = term
            self.origin.setdefault(term, value)
        return self.read[value]

    def _parse(self, value: SSAValue) -> Term:
        op = value.owner
        if not isinstance(op, Operation):
            return self.make("leaf", (), value, dims_of(value.type))
        if isinstance(op, ConstantOp) and is_number(value.type):
            assert isinstance(op.value, FloatAttr | IntegerAttr)
            return self.make("number", (), (op.value.value.data, isinstance(op.value, IntegerAttr)))
        args = [self.of(v) for v in op.operands]
        if isinstance(op, PointwiseOp):
            name = op.ROW.name
            return self.make(name, args, element_of(value.type) if name == "cast" else None)
        if isinstance(op, ReduceOp):
            return self.reduce(op.kind.data, args[0], op.dims)
        if isinstance(op, ContractOp):
            precision = op.precision.data if op.precision else None
            elements = (element_of(op.lhs.type), element_of(op.rhs.type))
            return self.make("contract", args, (op.dims, precision, elements, element_of(value.type)))
        return self._leaf(op)
