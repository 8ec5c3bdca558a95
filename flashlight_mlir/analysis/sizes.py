"""Nominal sizes: what a cost model takes for a size that is known only at run time."""

from __future__ import annotations

from collections.abc import Iterable

from flashlight_mlir.expr import Atom, Expr

NOMINAL = 2048
"""A length that makes kernels worth tuning: long enough to fill a GPU, short enough to be common."""


def nominal(extent: Expr) -> int:
    """The extent with every symbol taken as ``NOMINAL``, at least 1."""

    def value(atom: Atom) -> int:
        return NOMINAL

    return max(1, extent.evaluate(value))


def points(dims: Iterable[str], extents: dict[str, Expr]) -> int:
    """Number of points of a value over ``dims``, nominally."""
    total = 1
    for d in dims:
        total *= nominal(extents[d])
    return total


def next_power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()
