"""What an ``i1`` value over index expressions says: ``i - j >= 0`` as the expression ``i - j``.

>>> from flashlight_mlir.expr import Expr
>>> i, j = Expr.of("i"), Expr.of("j")
>>> edges = Affine(i - j).holds_for("j")
>>> str(edges.some_hi), str(edges.all_hi)
('hi(i)', 'lo(i) + 1')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Block, SSAValue

from flashlight_mlir.analysis.idle import Idle, idle_when
from flashlight_mlir.dialects.expr import is_dim
from flashlight_mlir.dialects.loop import FoldOp, IndexOp
from flashlight_mlir.dialects.pointwise import PointwiseOp, kind
from flashlight_mlir.expr import Expr, call


@dataclass(frozen=True)
class Edges:
    """Along one dim, the range where a predicate holds *somewhere* in the tile of the other dims, and *everywhere* in it."""

    some_lo: Expr | None = None
    some_hi: Expr | None = None
    all_lo: Expr | None = None
    all_hi: Expr | None = None


@dataclass(frozen=True)
class Affine:
    """The predicate ``form >= 0``."""

    form: Expr

    @property
    def negated(self) -> Affine:
        return Affine(-self.form - 1)

    def holds_for(self, dim: str) -> Edges | None:
        """Edges along ``dim``; None if the form is not linear in it with coefficient 1 or -1."""
        parts = self.form.coefficient(dim)
        if parts is None or parts[0].constant not in (1, -1):
            return None
        most, least = extreme(parts[1], largest=True), extreme(parts[1], largest=False)
        if most is None or least is None:
            return None
        if parts[0].constant == -1:  # dim <= rest
            return Edges(some_hi=most + 1, all_hi=least + 1)
        return Edges(some_lo=-most, all_lo=-least)


def extreme(rest: Expr, *, largest: bool) -> Expr | None:
    """The largest or smallest value over the tile of each dim, as an expression of the tiles' edges."""
    env: dict[str, Expr] = {}
    for name in rest.names:
        if not is_dim(name):
            continue
        parts = rest.coefficient(name)
        if parts is None or parts[0].constant is None:
            return None
        top = (parts[0].constant > 0) == largest
        edge = call("hi" if top else "lo", (Expr.of(name),))
        env[name] = edge - 1 if top else edge
    return rest.substitute(env)


def index_expr(value: SSAValue) -> Expr | None:
    """The index expression that an integer value is, if it is one."""
    op = value.owner
    if isinstance(op, Block):
        return None
    if isinstance(op, IndexOp):
        return op.expr.data
    if isinstance(op, ConstantOp):
        return Expr.of(op.value.value.data) if isinstance(op.value, IntegerAttr) else None
    if not isinstance(op, PointwiseOp):
        return None
    args = [index_expr(a) for a in op.args]
    if any(a is None for a in args):
        return None
    known = [a for a in args if a is not None]
    match kind(op):
        case "cast":
            return known[0]
        case "neg":
            return -known[0]
        case "add":
            return known[0] + known[1]
        case "sub":
            return known[0] - known[1]
        case "mul":
            return known[0] * known[1]
        case _:
            return None


def affine(value: SSAValue) -> Affine | None:
    """The predicate that an ``i1`` value is, if it compares index expressions."""
    op = value.owner
    if not isinstance(op, PointwiseOp) or op.ROW.rule != "bool" or len(op.args) != 2:
        return None
    a, b = (index_expr(x) for x in op.args)
    if a is None or b is None:
        return None
    forms = {"ge": a - b, "gt": a - b - 1, "le": b - a, "lt": b - a - 1}
    form = forms.get(op.ROW.name)
    return None if form is None else Affine(form)


@dataclass(frozen=True)
class Guard:
    """An affine predicate of a fold's body, and where it matters: steps with ``value != truth`` everywhere are idle, if they are."""

    value: SSAValue
    truth: bool
    holds: Affine
    idle: Idle | None


def guards(fold: FoldOp, dim: str) -> Iterator[Guard]:
    """The affine predicates on ``dim`` in the body of ``fold``."""
    for op in fold.body.block.ops:
        if isinstance(op, PointwiseOp) and (found := affine(op.result)) is not None and dim in found.form.names:
            if (idle := idle_when(fold, op.result, True)) is not None:
                yield Guard(op.result, False, found.negated, idle)
            else:
                yield Guard(op.result, True, found, idle_when(fold, op.result, False))
