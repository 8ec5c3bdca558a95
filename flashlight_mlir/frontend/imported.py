"""``Imported``: a module, and how torch's inputs and outputs map to its arguments and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree as pytree
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from flashlight_mlir.expr import Expr


@dataclass(frozen=True)
class Argument:
    """Where an argument of the imported function comes from: leaf ``leaf`` of the inputs, or a ``constant``."""

    name: str
    leaf: int | None = None
    constant: torch.Tensor | None = None


@dataclass(frozen=True)
class Imported:
    """An imported function: its module, and how torch's inputs and outputs map to its arguments and results."""

    module: ModuleOp
    name: str
    arguments: tuple[Argument, ...]
    symbols: Mapping[str, tuple[int, int]]
    """Size symbol -> (argument, axis) that reads it."""
    ranges: Mapping[str, tuple[int, int | None]]
    """What the trace assumed of each symbol: least and greatest value."""
    relations: tuple[tuple[Expr, Expr], ...]
    """Sizes that the trace found equal and that are spelled in two ways: ``(S, (S floordiv H) * H)``."""
    fixed: Mapping[int, Any]
    """Leaves of the inputs that are no tensors: the trace holds for these values only."""
    results: tuple[Any, ...]
    """For each leaf of the output: ``("result", k)`` or ``("value", v)``."""
    in_spec: pytree.TreeSpec
    out_spec: pytree.TreeSpec

    @property
    def func(self) -> FuncOp:
        op = self.module.body.block.first_op
        assert isinstance(op, FuncOp)
        return op

    def flatten(self, *inputs: Any) -> list[torch.Tensor]:
        """The function's arguments, from the inputs of the Python function; ValueError if they have another structure."""
        leaves, spec = pytree.tree_flatten(inputs)
        if spec != self.in_spec:
            raise ValueError("the inputs have not the structure that was traced")
        for k, v in self.fixed.items():
            if leaves[k] is not v and leaves[k] != v:
                raise ValueError(f"input {k} should be {v!r} as when traced, is {leaves[k]!r}")
        flat: list[Any] = [leaves[a.leaf] if a.leaf is not None else a.constant for a in self.arguments]
        return flat

    def pack(self, results: Sequence[torch.Tensor]) -> Any:
        """The Python function's output, from the function's results."""
        return pytree.tree_unflatten([results[v] if kind == "result" else v for kind, v in self.results], self.out_spec)
