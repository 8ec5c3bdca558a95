"""An elementwise op on numbers only is a number: torch computes it, in the dtype that the program says.

scale = torch.sqrt(torch.tensor(16.0))      a constant, not a root in every program of a kernel's grid
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes  # pyright: ignore[reportPrivateUsage]  (torch has no other)
from xdsl.ir import SSAValue

from flashlight_mlir.expr import Expr
from flashlight_mlir.frontend import aten_pointwise
from flashlight_mlir.frontend.builder import Number
from flashlight_mlir.frontend.handlers import HANDLERS, Context


def computed(c: Context, target: Any, args: Any, kwargs: Any) -> Number | None:
    """The result of ``target``, if it is an elementwise op and no argument is a tensor that is known at run time only."""
    handler = HANDLERS.get(str(target))
    given = (*args, *kwargs.values())
    if getattr(handler, "__module__", "") != aten_pointwise.__name__ or not isinstance(c.meta, torch.Tensor):
        return None
    if not any(isinstance(x, Number) for x in given):
        return None
    if any(isinstance(x, SSAValue | Expr | torch.device | list | tuple) for x in given):
        return None
    with _disable_current_modes():
        return c.number(target(*map(_concrete, args), **{name: _concrete(x) for name, x in kwargs.items()}).item())


def _concrete(x: Any) -> Any:
    return torch.tensor(x.value, dtype=x.dtype) if isinstance(x, Number) else x
