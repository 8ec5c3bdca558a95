"""Tracing: a function and example inputs become an ``ExportedProgram`` of few, functional ATen ops with user lines.

Softmax, layer norm and their like arrive as amax, sub, exp, sum and div; ``mean`` and ``var`` stay whole, because they are
imported as ``Σ x / Σ 1``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import _decomp, nn
from torch.export import ExportedProgram

from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.frontend.locations import user_frame

aten: Any = torch.ops.aten

_SPLIT = (
    aten._softmax, aten._log_softmax, aten._safe_softmax, aten.native_layer_norm,
    aten.logsumexp, aten.nll_loss_forward, aten.linalg_vector_norm, aten.gelu, aten.repeat, aten.stack,
    aten.index_fill, aten.logit, aten.log_sigmoid_forward, aten.nan_to_num, aten.softplus, aten.leaky_relu, aten.elu,
    aten.hardtanh, aten.hardsigmoid, aten.hardswish, aten.mish, aten.cudnn_batch_norm, aten.tril, aten.triu,
    aten._native_batch_norm_legit, aten._native_batch_norm_legit_no_training,
)  # fmt: skip
_WHOLE = ("aten.mean.", "aten.var.", "aten.var_mean.", "aten.addmm.", "aten.baddbmm.", "aten.bmm.", "aten.mm.")


class _Program(nn.Module):
    """What torch.export wants: a module."""

    def __init__(self, f: Callable[..., Any]):
        super().__init__()
        self.f = f

    def forward(self, *inputs: Any) -> Any:
        return self.f(*inputs)


def attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False,
) -> torch.Tensor:  # fmt: skip
    """``F.scaled_dot_product_attention`` as torch documents it, with zeros for rows where nothing is visible."""
    if dropout_p > 0:
        raise CompileError("scaled_dot_product_attention with dropout is not supported")
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    root = math.sqrt(factor) if factor > 0 else 1.0  # torch scales both sides, which keeps f16 in range
    scores = (query * root) @ (key * root).transpose(-1, -2) if factor > 0 else query @ key.transpose(-1, -2) * factor
    if is_causal:
        i = torch.arange(query.shape[-2], device=query.device)[:, None]
        j = torch.arange(key.shape[-2], device=query.device)[None, :]
        scores = scores.masked_fill(j > i, -math.inf)
    if attn_mask is None:
        return torch.softmax(scores, -1) @ value
    scores = torch.where(attn_mask, scores, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    weights = torch.softmax(scores, -1)
    nothing = (scores == -math.inf).all(-1, keepdim=True)
    return weights.masked_fill(nothing, 0.0) @ value


def group_norm(
    x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, n: int, c: int, size: int, groups: int, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``native_group_norm`` by views: torch's own decomposition reads its buffers by stride."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    rows = x.to(wide).reshape(n, groups, c // groups, size)
    variance, mean = torch.var_mean(rows, (2, 3), correction=0, keepdim=True)
    rstd = torch.rsqrt(variance + eps)
    y = (rows - mean) * rstd
    for name, parameter in (("mul", weight), ("add", bias)):
        if parameter is not None:
            y = getattr(torch, name)(y, parameter.reshape(groups, c // groups, 1))
    return y.reshape(x.shape).to(x.dtype), mean.reshape(n, groups).to(x.dtype), rstd.reshape(n, groups).to(x.dtype)


def distances(a: torch.Tensor, b: torch.Tensor, p: float, _: int | None = None) -> torch.Tensor:
    """``_cdist_forward``: the p-norm of each difference of a row of ``a`` and a row of ``b``."""
    far = (a[..., :, None, :] - b[..., None, :, :]).abs()
    if p == math.inf:
        return far.amax(-1)
    if p == 0:
        return (far != 0).to(far.dtype).sum(-1)
    if p == 1:
        return far.sum(-1)
    return (far * far).sum(-1).sqrt() if p == 2 else far.pow(p).sum(-1).pow(1 / p)


def decompositions() -> Any:
    """ATen overload -> Python function, as ``run_decompositions`` wants it."""
    table: Any = torch.export.default_decompositions()
    split: Any = _decomp
    for op, function in split.get_decompositions(_SPLIT).items():
        table[op] = function
    table[aten.scaled_dot_product_attention.default] = attention
    table[aten.native_group_norm.default] = group_norm
    table[aten._cdist_forward.default] = distances
    for op in list(table.keys()):
        if str(op).startswith(_WHOLE):
            table.pop(op)
    return table


def trace(f: Callable[..., Any], inputs: Sequence[Any], dynamic_shapes: Sequence[Any] | None) -> ExportedProgram:
    """Export and decompose; CompileError, with the user's line where torch knows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program: Any = torch.export.export(
                _Program(f),
                tuple(inputs),
                dynamic_shapes=None if dynamic_shapes is None else (tuple(dynamic_shapes),),
                strict=True,
            )
            return program.run_decompositions(decompositions())
        except CompileError:
            raise
        except Exception as e:
            raise _explain(e) from e


def _explain(error: Exception) -> CompileError:
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    if first.startswith("Constraints violated") and len(lines) > 1:
        first = f"the sizes are not as free as dynamic_shapes says: {lines[1].lstrip('- ')}"
    stack: Any = getattr(error, "real_stack", None)
    frame = user_frame("".join(stack.format())) if stack else user_frame(text)
    return CompileError(f"torch.export cannot trace this: {first}", str(frame) if frame else None)
