"""How one program covers the dims of a kernel: base, lanes, limit and edges of each, at some point of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.ir import SSAValue

from flashlight_mlir.analysis.products import widened
from flashlight_mlir.analysis.sizes import next_power_of_two
from flashlight_mlir.dialects.loop import KernelOp
from flashlight_mlir.expr import Atom, Expr, Name


class Unsupported(Exception):
    """A kernel that this lowering does not cover: the message says why."""


@dataclass(frozen=True)
class Dim:
    """``base + lanes`` are the positions at hand; those from ``limit`` on are masked (None: all are in range).

    A dim of one lane has no axis. ``low`` and ``high`` are the values of ``lo(dim)`` and ``hi(dim)``.
    """

    name: str
    count: int
    base: SSAValue
    low: SSAValue
    high: SSAValue
    lanes: SSAValue | None = None
    limit: SSAValue | None = None

    @property
    def ragged(self) -> bool:
        return self.limit is not None and self.lanes is not None


def lane_counts(kernel: KernelOp) -> dict[str, int]:
    """Lanes of each dim: its tile's size, or for a whole dim the next power of two (at least 16 where a dot contracts it)."""
    assert kernel.schedule
    counts: dict[str, int] = {}
    for plan in kernel.schedule.data.plans:
        extent = kernel.dims[plan.dim].constant
        if plan.role == "whole":
            if extent is None:
                raise Unsupported(f"dim {plan.dim} = {kernel.dims[plan.dim]} is covered whole but is no constant")
            counts[plan.dim] = next_power_of_two(extent)
        elif plan.size is None:
            raise Unsupported(f"dim {plan.dim} has no tile size")
        elif plan.size & (plan.size - 1):
            raise Unsupported(f"the tile of dim {plan.dim} has {plan.size} elements, which is no power of two")
        else:
            counts[plan.dim] = plan.size
    return widened(kernel, counts, [p.dim for p in kernel.schedule.data.plans if p.role == "whole"])


def is_multiple(expr: Expr, size: int, tiles: Mapping[str, tuple[int, Expr]]) -> bool:
    """Proved to be a multiple of ``size``; ``tiles`` gives the tile's size and the extent of each dim."""

    def atom(a: Atom) -> bool:
        if isinstance(a, Name):
            return False
        if a.fn in ("min", "max"):
            return all(is_multiple(x, size, tiles) for x in a.args)
        name = a.args[0].name
        if a.fn in ("lo", "hi") and name is not None and name in tiles:
            tile, extent = tiles[name]
            whole = extent.constant is not None and extent.constant % size == 0
            return tile % size == 0 and (a.fn == "lo" or whole)
        return False

    return all(c % size == 0 or any(map(atom, m)) for m, c in expr.terms)


def is_small(expr: Expr) -> bool:
    """Stays within 32 bits when every size does by a margin: a sum of a few dims and symbols, no products."""
    return _weight(expr) <= 16 and all(m or abs(c) < 2**26 for m, c in expr.terms)


def _weight(expr: Expr) -> float:
    """How many times the largest size the value may be, constants apart."""
    return sum(abs(c) * _atom_weight(m[0]) if len(m) == 1 else float("inf") for m, c in expr.terms if m)


def _atom_weight(atom: Atom) -> float:
    if isinstance(atom, Name):
        return 1
    if not all(m or abs(c) < 2**26 for a in atom.args for m, c in a.terms):
        return float("inf")
    weights = [_weight(a) for a in atom.args]
    if atom.fn == "floordiv" and (by := atom.args[1].constant):
        return max(weights[0], 1) / by if weights[0] <= 16 else float("inf")
    return max(weights)
