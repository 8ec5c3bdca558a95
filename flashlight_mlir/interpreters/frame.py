"""What an evaluation knows besides the SSA values: sizes, the chunk of each dim at hand, and how floats are kept."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch

from flashlight_mlir.expr import Call, Expr, Name

Chunks = str | int | random.Random | None
"""How folds without a schedule are cut: whole, one element at a time (``"one"``), a size, or at random."""


@dataclass
class Frame:
    sizes: dict[str, int]
    native: bool = False
    chunks: Chunks = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    chunk: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """``[lo, hi)`` of each dim of the kernel at hand."""

    def size(self, expr: Expr) -> int:
        """The value of an expression over size symbols and tile edges."""
        return int(value_of(expr, self.env({})))

    def shape(self, dims: Sequence[str]) -> tuple[int, ...]:
        return tuple(max(0, self.chunk[d][1] - self.chunk[d][0]) for d in dims)

    def index(self, expr: Expr, dims: Sequence[str]) -> Any:
        """The value of an index expression: a number, or an int64 tensor with an axis for each of ``dims``."""
        axes: dict[str, Any] = {}
        for d in expr.names & set(dims):
            shape = [-1 if e == d else 1 for e in dims]
            axes[d] = torch.arange(*self.chunk[d], device=self.device).reshape(shape)
        return value_of(expr, self.env(axes))

    def env(self, axes: Mapping[str, Any]) -> Mapping[str, Any]:
        edges = {f"{side}({d})": v for d, span in self.chunk.items() for side, v in zip(("lo", "hi"), span, strict=True)}
        return {**self.sizes, **edges, **axes}


def value_of(expr: Expr, env: Mapping[str, Any]) -> Any:
    """The value of an expression where names and tile edges (``lo(i)``) are numbers or tensors."""

    def atom(a: Name | Call) -> Any:
        if isinstance(a, Name) or a.fn in ("lo", "hi"):
            if str(a) not in env:
                raise ValueError(f"'{a}' in the index expression '{expr}' has no value here")
            return env[str(a)]
        args = [value_of(x, env) for x in a.args]
        if a.fn == "floordiv":
            return args[0] // args[1]
        if a.fn == "mod":
            return args[0] % args[1]
        return reduce(_minimum if a.fn == "min" else _maximum, args)

    total: Any = 0
    for monomial, coefficient in expr.terms:
        product: Any = coefficient
        for a in monomial:
            product = atom(a) * product
        total = product + total
    return total


def _minimum(a: Any, b: Any) -> Any:
    return -_maximum(-a, -b)


def _maximum(a: Any, b: Any) -> Any:
    if isinstance(a, torch.Tensor):
        return torch.maximum(a, b) if isinstance(b, torch.Tensor) else a.clamp(min=b)
    return b.clamp(min=a) if isinstance(b, torch.Tensor) else max(a, b)


def bind_sizes(
    shapes: Sequence[Sequence[Expr]], actual: Sequence[Sequence[int]], names: Sequence[str] | None = None
) -> dict[str, int]:
    """The value of each size symbol, from the inputs' sizes; ValueError where a size is not what the types say."""
    names = names or [f"input {k}" for k in range(len(shapes))]
    pairs: list[tuple[int, int, Expr, int]] = []
    for k, (shape, sizes) in enumerate(zip(shapes, actual, strict=True)):
        if len(shape) != len(sizes):
            raise ValueError(f"{names[k]} should have {len(shape)} axes, has {len(sizes)}")
        pairs += [(k, axis, e, n) for axis, (e, n) in enumerate(zip(shape, sizes, strict=True))]
    bound: dict[str, int] = {}
    while unknown := {n for _, _, e, _ in pairs for n in e.names} - bound.keys():
        before = len(bound)
        for _, _, expr, n in pairs:
            if found := _solve(expr.substitute({k: Expr.of(v) for k, v in bound.items()}), n):
                bound.setdefault(*found)
        if len(bound) == before:
            raise ValueError(f"no input tells the size {', '.join(sorted(unknown))}")
    for k, axis, expr, n in pairs:
        if (wanted := value_of(expr, bound)) != n:
            given = ", ".join(f"{s} = {bound[s]}" for s in sorted(expr.names) if expr.name is None)
            value = "" if expr.constant is not None else f" = {wanted}" + (f" ({given})" if given else "")
            raise ValueError(f"axis {axis} of {names[k]} should be {expr}{value}, is {n}")
    return bound


def _solve(expr: Expr, n: int) -> tuple[str, int] | None:
    """The symbol and its value, if ``expr = a * symbol + b`` with literals a and b."""
    if len(expr.names) != 1:
        return None
    (name,) = expr.names
    linear = expr.coefficient(name)
    if linear is None or not linear[0].constant or linear[1].constant is None:
        return None
    return name, (n - linear[1].constant) // linear[0].constant
