"""The table ATen name -> handler, and what a handler is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import _prims_common as prims_common

from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend.builder import Builder, Number, Shape, Value, dtype_of, shape_of
from flashlight_mlir.frontend.sizes import Sizes


class Unsupported(Exception):
    """This form of an op has no tensor-level spelling: it becomes a call."""


@dataclass
class Context:
    """One node being imported: where to emit, and what the node's result is."""

    b: Builder
    sizes: Sizes
    meta: Any
    node: Any = None

    @property
    def dtype(self) -> torch.dtype:
        return self.meta.dtype

    @property
    def shape(self) -> Shape:
        return self.sizes.shape(self.meta.shape)

    def seen_as(self) -> Shape | None:
        """The shape under which the program goes on with the result, if it only views it."""
        if self.node is None or len(self.node.users) != 1:
            return None
        (user,) = self.node.users
        return self.sizes.shape(user.meta["val"].shape) if str(user.target) in VIEWS else None

    def number(self, value: Any) -> Number:
        return Number(value, self.dtype, self.shape)


VIEWS = ("aten.view.default", "aten.reshape.default", "aten._unsafe_view.default")
Handler = Callable[..., Any]
"""``handler(context, *args, **kwargs)`` with the node's arguments: values for tensors, ``Expr`` for symbolic sizes."""

HANDLERS: dict[str, Handler] = {}

H = TypeVar("H", bound=Handler)


def handles(*names: str) -> Callable[[H], H]:
    """Register a handler for ops of ``aten`` (or ``prims.…``)."""

    def register(handler: H) -> H:
        for name in names:
            HANDLERS[name if name.startswith("prims.") else f"aten.{name}"] = handler
        return handler

    return register


def value(x: Any) -> Value:
    """An argument as a value: Python scalars become numbers."""
    return Number(x) if isinstance(x, bool | int | float) else x


def common_dtype(*args: Any) -> torch.dtype:
    """The dtype in which torch computes on ``args``: tensors with axes, then 0-d tensors, then Python scalars."""

    def sample(x: Any) -> Any:
        match x:
            case Number(dtype=None, value=v):
                return v
            case Number(dtype=dtype, shape=shape):
                pass
            case Expr():
                return 1
            case _:
                dtype, shape = dtype_of(x), shape_of(x)
        return torch.empty((1,) * min(1, len(shape)), dtype=dtype, device="meta")

    common: Any = prims_common
    kind = common.ELEMENTWISE_TYPE_PROMOTION_KIND.DEFAULT
    return common.elementwise_dtypes(*map(sample, args), type_promotion_kind=kind)[1]


def axes_of(dim: Any, rank: int) -> tuple[int, ...]:
    """Normalised reduction axes; none given means all."""
    if dim is None or dim == [] or dim == ():
        return tuple(range(rank))
    dims: list[Any] = [*dim] if isinstance(dim, list | tuple) else [dim]
    return tuple(sorted(d % rank if rank else 0 for d in dims)) if rank else ()
