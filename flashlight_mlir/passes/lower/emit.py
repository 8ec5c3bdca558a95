"""Building block ops at the place at hand: constants, index arithmetic, axes, masks."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from xdsl.builder import Builder
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IndexType, IntegerAttr, IntegerType, i1, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from flashlight_mlir.dialects import block as blk
from flashlight_mlir.dialects import pointwise
from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.dialects.syntax import element_of
from flashlight_mlir.expr import Atom, Expr, Name, call
from flashlight_mlir.passes.lower.dims import Dim, is_small

Op = TypeVar("Op", bound=Operation)


class Emitter:
    """The block at hand, the dims as they are there, and what is already computed there."""

    def __init__(self, kernel: KernelOp, counts: dict[str, int], at: InsertPoint):
        self.kernel, self.counts = kernel, counts
        self.order = list(kernel.dims)
        self.builder = Builder(at)
        self.dims: dict[str, Dim] = {}
        self.done: ChainMap[Hashable, SSAValue] = ChainMap()
        self.zeros: dict[SSAValue, set[str]] = {}
        self.location = kernel.location

    def add(self, op: Op) -> Op:
        op.location = self.location
        return self.builder.insert(op)

    def once(self, key: Hashable, op: Operation) -> SSAValue:
        """The result of ``op``, or what the same key gave before."""
        if key in self.done:
            op.drop_all_references()
        else:
            self.done[key] = self.add(op).results[0]
        return self.done[key]

    def axes(self, names: Iterable[str]) -> list[str]:
        """The dims among ``names`` that have an axis, in the kernel's order."""
        present = set(names)
        return [d for d in self.order if d in present and self.counts[d] > 1]

    def constant(self, value: float, element: Attribute) -> SSAValue:
        if isinstance(element, AnyFloat):
            return self.once(("constant", str(value), element), ConstantOp(FloatAttr(float(value), element)))
        attribute = IntegerAttr(int(value), element) if isinstance(element, IndexType) else IntegerAttr(int(value), width(element))
        return self.once(("constant", value, element), ConstantOp(attribute))

    def pointwise(self, name: str, *args: SSAValue, to: Attribute | None = None) -> SSAValue:
        return self.once((name, *args, to), pointwise.build(name, *args, to=to))

    def align(self, value: SSAValue, dims: Sequence[str], to: Sequence[str]) -> SSAValue:
        """A value over ``dims`` with the axes of ``to``, new ones of size 1; scalars stay."""
        have, want = self.axes(dims), self.axes(to)
        new = [k for k, d in enumerate(want) if d not in have]
        if not have or not new:
            return value
        return self.once(("expand", value, tuple(new)), blk.ExpandOp(value, new))

    def position(self, dim: str) -> SSAValue:
        """Positions along a dim: a scalar, or a block of one axis."""
        d = self.dims[dim]
        return d.base if d.lanes is None else self.pointwise("add", d.base, d.lanes)

    def index(self, expr: Expr, to: Sequence[str] = (), only: dict[str, SSAValue] | None = None) -> SSAValue:
        """The value of an index expression, with the axes of ``to``; ``only`` overrides what dims stand for."""
        env: dict[str, SSAValue] = {}

        def atom(a: Atom) -> Expr:
            if isinstance(a, Name):
                if a.text in self.dims:
                    value = only[a.text] if only and a.text in only else self.position(a.text)
                    env[a.text] = self.align(value, [a.text], to) if blk.shape_of(value.type) else value
                return Expr.of(a)
            if a.fn in ("lo", "hi"):
                dim = a.args[0].name
                assert dim is not None
                name = f"{a.fn}{self.order.index(dim)}"
                while name in self.dims:
                    name += "x"
                env[name] = self.dims[dim].low if a.fn == "lo" else self.dims[dim].high
                return Expr.of(name)
            return call(a.fn, tuple(x.map_atoms(atom) for x in a.args))

        plain = expr.map_atoms(atom)
        if plain.constant is not None:
            return self.constant(plain.constant, IndexType())
        if plain.name in env:
            return env[str(plain.name)]
        key = ("index", str(plain), tuple(env.items()))
        return self.once(key, blk.IndexOp(plain, env, None if is_small(plain) else i64))

    def in_range(self, dim: str, to: Sequence[str]) -> SSAValue:
        """Which positions along a ragged dim are within its limit."""
        d = self.dims[dim]
        assert d.limit is not None
        mask = self.pointwise("lt", self.position(dim), d.limit)
        return self.align(mask, [dim], to)

    def mask(self, dims: Iterable[str], to: Sequence[str], extra: SSAValue | None = None) -> SSAValue | None:
        """All of the ragged ones among ``dims`` in range, and ``extra``; None if there is nothing to check."""
        mask = extra
        for dim in self.axes(dims):
            if self.dims[dim].ragged:
                here = self.in_range(dim, to)
                mask = here if mask is None else self.pointwise("and", mask, here)
        return mask

    def keep(self, value: SSAValue, dims: Iterable[str], to: Sequence[str], other: float) -> SSAValue:
        """``value`` (with the axes of ``to``) with ``other`` beyond the limits of ``dims``."""
        mask = self.mask(dims, to)
        if mask is None:
            return value
        return self.pointwise("select", mask, value, self.constant(other, element_of(value.type)))


def identity(kind: str, element: Attribute) -> float:
    """What a reduction ignores."""
    if kind in ("sum", "any"):
        return 0
    if kind in ("prod", "all"):
        return 1
    if isinstance(element, AnyFloat):
        return float("-inf") if kind == "max" else float("inf")
    if element == i1:
        return 0 if kind == "max" else 1
    bits = 32 if isinstance(element, IndexType) else width(element)
    return -(2 ** (bits - 1)) if kind == "max" else 2 ** (bits - 1) - 1


def width(element: Attribute) -> int:
    """Bits of an integer type."""
    return next(n for n in (1, 8, 16, 32, 64) if element == IntegerType(n))
