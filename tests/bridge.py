"""What the tests of the bridge share: a chain that fuses, and one call through ``torch.compile`` next to eager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from functorch.compile import make_boxed_func
from torch._dynamo.utils import counters
from torch._inductor.compile_fx import compile_fx
from torch.utils._pytree import tree_leaves

from flashlight_mlir.bridge.backend import flashlight
from flashlight_mlir.bridge.graph_pass import COUNTERS, FusePass, listeners
from flashlight_mlir.bridge.options import Options
from flashlight_mlir.bridge.report import Report


def softcap(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """What no vendor's kernel has, so that it becomes ours."""
    scores = 5 * torch.tanh(q @ k.transpose(-2, -1) / 20)
    return torch.softmax(scores, -1) @ v


def qkv(length: int = 19, d: int = 16, **options: Any) -> list[torch.Tensor]:
    torch.manual_seed(length)
    return [torch.randn(1, 2, length, d, **options) for _ in range(3)]


@contextmanager
def reports() -> Iterator[list[Report]]:
    """The report of every graph that is compiled inside, from a fresh Dynamo."""
    found: list[Report] = []
    torch._dynamo.reset()
    counters.clear()
    listeners.append(found.append)
    try:
        yield found
    finally:
        listeners.remove(found.append)


@contextmanager
def precision(name: str) -> Iterator[None]:
    """torch's f32 products inside."""
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = name
    try:
        yield
    finally:
        matmul.fp32_precision = before


def regions(found: list[Report]) -> int:
    """Regions that became kernels, which the counter says too."""
    n = sum(r.copies for report in found for r in report.regions)
    assert n == counters[COUNTERS]["regions"]
    return n


def compiled(f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """All of it: Inductor compiles what is not ours."""
    return torch.compile(f, backend=flashlight, **options)


def fused(f: Callable[..., Any], options: Options | None = None, **others: Any) -> Callable[..., Any]:
    """The graph after our pass, run op by op: without the seconds that a C++ compiler takes for the rest."""
    return _by_ops(f, {"joint_custom_pre_pass": FusePass(options or Options())}, others)


def unfused(f: Callable[..., Any], **others: Any) -> Callable[..., Any]:
    """The same without our pass."""
    return _by_ops(f, {}, others)


def _by_ops(f: Callable[..., Any], patches: dict[str, Any], others: dict[str, Any]) -> Callable[..., Any]:
    def run(gm: torch.fx.GraphModule, _: Any, **__: Any) -> Any:
        return make_boxed_func(gm.forward)

    def backend(gm: torch.fx.GraphModule, inputs: Any) -> Any:
        return compile_fx(gm, inputs, inner_compile=run, config_patches=patches)

    return torch.compile(f, backend=backend, **others)


def assert_same(got: Any, expected: Any, tolerance: float = 2e-6) -> None:
    """Equal structure, dtypes, shapes, strides and, up to rounding, values."""
    leaves, wanted = tree_leaves(got), tree_leaves(expected)
    assert len(leaves) == len(wanted)
    for x, y in zip(leaves, wanted, strict=True):
        if not isinstance(y, torch.Tensor):
            assert x == y
            continue
        assert (x.dtype, x.shape, x.layout, x.device) == (y.dtype, y.shape, y.layout, y.device)
        assert x.requires_grad == y.requires_grad
        if y.layout == torch.strided and y.numel():
            assert x.stride() == y.stride(), (x.stride(), y.stride())
        torch.testing.assert_close(x, y, atol=tolerance, rtol=tolerance, equal_nan=True)
