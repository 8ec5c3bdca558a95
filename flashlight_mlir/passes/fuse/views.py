"""Index maps of the views: where an element of the result stands in the source.

An index is a list with an entry per axis: an expression over dims, or a loop value (a gather). Arithmetic on values is handed
to the caller, who knows how to emit it (``Arith``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xdsl.ir import SSAValue

from flashlight_mlir.expr import Bounds, Expr

Index = tuple[Expr | SSAValue, ...]
ZERO = Expr.of(0)


class Arith(Protocol):
    """Arithmetic on index entries; expressions stay expressions."""

    @property
    def bounds(self) -> Bounds: ...

    def binary(self, name: str, a: Expr | SSAValue, b: Expr | SSAValue) -> Expr | SSAValue: ...


def binary(arith: Arith, name: str, a: Expr | SSAValue, b: Expr | SSAValue) -> Expr | SSAValue:
    """``a name b`` with name one of add, mul, floordiv, mod."""
    if not (isinstance(a, Expr) and isinstance(b, Expr)):
        return arith.binary(name, a, b)
    if name == "add":
        return a + b
    if name == "mul":
        return a * b
    return a.floordiv(b, arith.bounds) if name == "floordiv" else a.mod(b, arith.bounds)


def _cuts(shape: Sequence[Expr]) -> list[Expr]:
    """Products of the trailing sizes: ``[s0*s1*s2, s1*s2, s2, 1]``."""
    products = [Expr.of(1)]
    for size in reversed(shape):
        products.append(products[-1] * size)
    return products[::-1]


def groups(source: Sequence[Expr], result: Sequence[Expr]) -> list[tuple[list[int], list[int]]]:
    """Axes of a source and of a result, of sizes other than 1, in groups of equal products, each as small as can be."""
    one = Expr.of(1)
    from_axes = [k for k, s in enumerate(source) if s != one]
    to_axes = [k for k, s in enumerate(result) if s != one]
    left, right = _cuts([source[k] for k in from_axes]), _cuts([result[k] for k in to_axes])
    out: list[tuple[list[int], list[int]]] = []
    a = b = 0
    while a < len(from_axes) and b < len(to_axes):
        stop_a, stop_b = next(
            ((m, right.index(p, b + 1)) for m, p in enumerate(left) if m > a and p in right[b + 1 :]),
            (len(from_axes), len(to_axes)),
        )
        out.append((from_axes[a:stop_a], to_axes[b:stop_b]))
        a, b = stop_a, stop_b
    return out


def reshape(source: Sequence[Expr], result: Sequence[Expr], index: Index, arith: Arith) -> Index:
    """Axes are matched in groups of equal products, so only sizes that really split or merge are divided."""
    out: list[Expr | SSAValue] = [ZERO] * len(source)
    for from_axes, to_axes in groups(source, result):
        if len(from_axes) == len(to_axes) == 1:
            out[from_axes[0]] = index[to_axes[0]]
            continue
        flat = _flatten([index[k] for k in to_axes], [result[k] for k in to_axes], arith)
        for k, entry in zip(from_axes, _unflatten(flat, [source[k] for k in from_axes], arith), strict=True):
            out[k] = entry
    return tuple(out)


def _flatten(index: Sequence[Expr | SSAValue], sizes: Sequence[Expr], arith: Arith) -> Expr | SSAValue:
    flat = index[0]
    for entry, size in zip(index[1:], sizes[1:], strict=True):
        flat = binary(arith, "add", binary(arith, "mul", flat, size), entry)
    return flat


def _unflatten(flat: Expr | SSAValue, sizes: Sequence[Expr], arith: Arith) -> list[Expr | SSAValue]:
    out: list[Expr | SSAValue] = []
    for size in reversed(sizes[1:]):
        out.append(binary(arith, "mod", flat, size))
        flat = binary(arith, "floordiv", flat, size)
    return [flat, *reversed(out)]


def transpose(permutation: Sequence[int], index: Index) -> Index:
    out: list[Expr | SSAValue] = [ZERO] * len(index)
    for k, p in enumerate(permutation):
        out[p] = index[k]
    return tuple(out)


def broadcast(along: Sequence[int], shape: Sequence[Expr], index: Index) -> Index:
    return tuple(ZERO if s == Expr.of(1) else index[a] for a, s in zip(along, shape, strict=True))


def slice_(axis: int, start: Expr, step: int, index: Index, arith: Arith) -> Index:
    moved = binary(arith, "add", binary(arith, "mul", index[axis], Expr.of(step)), start)
    return (*index[:axis], moved, *index[axis + 1 :])


def shift(axis: int, by: Expr, index: Index, arith: Arith) -> Index:
    """The index moved by ``-by`` along an axis."""
    return slice_(axis, -by, 1, index, arith)
