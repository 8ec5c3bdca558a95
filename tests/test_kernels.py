"""Tiled kernels, printed and run in Triton's interpreter against float64, and compiled ahead for real GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiled import attention

from flashlight_mlir.backend.source import KernelSource
from flashlight_mlir.backend.spelling import SPELLING, literal
from flashlight_mlir.backend.triton import kernels
from flashlight_mlir.backend.whitelist import NotAllowed, check
from flashlight_mlir.diagnostics import collect
from flashlight_mlir.dialects.pointwise import ROWS
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.runtime.aot import compile_many
from flashlight_mlir.runtime.launch import Launcher, ShapeError

DTYPES = {"f16": torch.float16, "f32": torch.float32, "i64": torch.int64, "i1": torch.bool}


def lowered(text: str) -> KernelSource:
    """The only kernel of a module at the tiled level."""
    with collect() as remarks:
        module = parse(text)
        run_passes(module, ["lower"])
    assert not remarks
    (kernel,) = kernels(module)
    return kernel


def reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
    q, k, v = (x.double() for x in (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, 1) for x in (k, v))
    s = q @ k.mT * q.shape[-1] ** -0.5
    if causal:
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    return s.softmax(-1) @ v


def inputs(size: int, d: int, heads: int, group: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(size * d)
    shapes = [(2, heads, size, d), (2, heads // group, size, d), (2, heads // group, size, d)]
    return [torch.randn(s, generator=generator).to(dtype) for s in shapes]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("d", "group", "dtype"), [(64, 1, "f16"), (64, 2, "f32"), (72, 1, "f16"), (80, 2, "f16"), (8, 1, "f32")])
def test_lengths(d: int, group: int, dtype: str, causal: bool) -> None:
    run = Launcher(lowered(attention(d, group, 2, causal, dtype=dtype)))
    for size in (100, 64, 17, 1):
        args = inputs(size, d, 2, group, DTYPES[dtype])
        (o,) = run(*args)
        error = (o.double() - reference(*args, causal)).abs().max()
        assert error < (2e-3 if dtype == "f16" else 2e-6), size


def test_strides_change_between_calls() -> None:
    run = Launcher(lowered(attention()))
    for order in ((0, 1, 2, 3), (1, 0, 2, 3), (2, 1, 0, 3), (3, 2, 1, 0)):
        args = [
            x.permute(order).contiguous().permute(torch.tensor(order).argsort().tolist())
            for x in inputs(33, 64, 2, 1, torch.float16)
        ]
        (o,) = run(*args)
        assert (o.double() - reference(*args, False)).abs().max() < 2e-3


def test_nothing_to_do() -> None:
    (o,) = Launcher(lowered(attention()))(*inputs(0, 64, 2, 1, torch.float16))
    assert o.shape == (2, 2, 0, 64)


def test_wide_offsets_give_the_same() -> None:
    kernel = lowered(attention())
    q, k, v = inputs(33, 64, 2, 1, torch.float16)
    wide = torch.as_strided(torch.empty(1, dtype=torch.float16).expand(1), (1, 1, 1, 64), (0, 0, 2**31, 0))
    assert wide.stride(2) == 2**31
    from flashlight_mlir.runtime.launch import is_wide

    sizes = {"B": 1, "S": 1}
    assert not is_wide(kernel.inputs[:1], [q], sizes)
    assert is_wide(kernel.inputs[:1], [wide], sizes)
    base = Launcher(kernel)(q, k, v)[0]
    import flashlight_mlir.runtime.launch as launch

    limit, launch.LIMIT = launch.LIMIT, 1
    try:
        assert torch.equal(base, Launcher(kernel)(q, k, v)[0])
    finally:
        launch.LIMIT = limit


def test_offsets_beyond_32_bits(tmp_path: Path) -> None:
    """Rows so far apart that the last ones of a tile lie more than 2³¹ elements away, in a sparse file."""
    size, stride = 35, 2**26
    args = inputs(size, 64, 1, 1, torch.float16)
    spread = []
    for n, x in enumerate(args):
        x = x[:1]
        storage = torch.from_file(str(tmp_path / str(n)), shared=True, size=size * stride, dtype=torch.float16)
        view = torch.as_strided(storage, x.shape, (size * stride, size * stride, stride, 1))
        view.copy_(x)
        spread.append(view)
    kernel = lowered(attention(heads=1))
    assert stride * (size - 1) > 2**31
    (o,) = Launcher(kernel)(*spread)
    assert torch.equal(o, Launcher(kernel)(*(x.contiguous() for x in spread))[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q, k, v: (q, k, v[..., :32]), "axis 3 of argument 2 should be 64, is 32"),
        (lambda q, k, v: (q, k[:, :, :5], v), "axis 2 of argument 1 should be 33"),
        (lambda q, k, v: (q, k, v.float()), "argument 2 should be torch.float16, is torch.float32"),
        (lambda q, k, v: (q, k), "takes 3 tensors, got 2"),
        (lambda q, k, v: (q[0], k, v), "argument 0 should have 4 axes, has 3"),
    ],
)
def test_wrong_arguments(change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(ShapeError, match=message):
        Launcher(lowered(attention()))(*change(*inputs(33, 64, 2, 1, torch.float16)))


def unary(name: str, dtype: str, to: str | None = None) -> str:
    return f"""
func.func @f(%x: !tensor_ext.tensor<S : {dtype}>) -> !tensor_ext.tensor<S : {to or dtype}> {{
  %o = loop.kernel @k(%X = %x) dims [i = S] schedule [i grid 64] warps 4 stages 2 {{
    %0 = loop.load %X[i] : !loop.tile<i : {dtype}>
    %1 = pointwise.{name} %0 : !loop.tile<i : {to or dtype}>
    loop.store %1, 0[i]
  }} : !tensor_ext.tensor<S : {to or dtype}>
  func.return %o : !tensor_ext.tensor<S : {to or dtype}>
}}
"""


ELEMENTARY = {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "exp": torch.exp, "exp2": torch.exp2, "expm1": torch.expm1,
    "log": torch.log, "log2": torch.log2, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "recip": torch.reciprocal, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "erf": torch.erf, "atan": torch.atan,
    "sin": torch.sin, "cos": torch.cos, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc, "round": torch.round,
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.cat(
        [torch.randn(200, generator=generator) * s for s in (1e-6, 1e-2, 1.0, 20.0)]
        + [torch.tensor([0.5, 1.5, 2.5, -0.5, float("nan")])]
    )
    (y,) = Launcher(lowered(unary(name, "f32")))(x)
    expected = ELEMENTARY[name](x.double()).float()
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=1e-37, equal_nan=True)


def binary(name: str, dtype: str) -> str:
    return f"""
func.func @f(%x: !tensor_ext.tensor<S : {dtype}>, %y: !tensor_ext.tensor<S : {dtype}>) -> !tensor_ext.tensor<S : {dtype}> {{
  %o = loop.kernel @k(%X = %x, %Y = %y) dims [i = S] schedule [i grid 64] warps 4 stages 2 {{
    %0 = loop.load %X[i] : !loop.tile<i : {dtype}>
    %1 = loop.load %Y[i] : !loop.tile<i : {dtype}>
    %2 = pointwise.{name} %0, %1 : !loop.tile<i : {dtype}>
    loop.store %2, 0[i]
  }} : !tensor_ext.tensor<S : {dtype}>
  func.return %o : !tensor_ext.tensor<S : {dtype}>
}}
"""


@pytest.mark.parametrize("dtype", ["i64", "f32"])
@pytest.mark.parametrize(("name", "fn"), [("floordiv", torch.floor_divide), ("mod", torch.remainder)])
def test_division_rounds_down(name: str, fn: object, dtype: str) -> None:
    assert callable(fn)
    a, b = torch.meshgrid(torch.arange(-9, 10), torch.tensor([-4, -3, -1, 1, 2, 5]), indexing="ij")
    a, b = (x.flatten().to(DTYPES[dtype]) for x in (a, b))
    assert torch.equal(Launcher(lowered(binary(name, dtype)))(a, b)[0], fn(a, b))


def reduction(kind: str, dtype: str, size: int, d: int) -> str:
    return f"""
func.func @f(%x: !tensor_ext.tensor<S, {d} : {dtype}>) -> !tensor_ext.tensor<S : {dtype}> {{
  %o = loop.kernel @k(%X = %x) dims [i = S, d = {d}] schedule [i grid {size}, d whole] warps 4 stages 2 {{
    %0 = loop.load %X[i, d] : !loop.tile<i, d : {dtype}>
    %1 = loop.reduce {kind} %0 over [d] : !loop.tile<i : {dtype}>
    loop.store %1, 0[i]
  }} : !tensor_ext.tensor<S : {dtype}>
  func.return %o : !tensor_ext.tensor<S : {dtype}>
}}
"""


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    ("kind", "dtype"), [(k, t) for k in ("sum", "prod", "max", "min") for t in ("f32", "i64")] + [("any", "i1"), ("all", "i1")]
)
def test_reductions_ignore_what_is_beyond(kind: str, dtype: str, size: int) -> None:
    x = torch.arange(35).reshape(5, 7) % 11 - 15
    x = (x % 3 == 0) if dtype == "i1" else x.to(DTYPES[dtype])
    expected = {"max": torch.amax, "min": torch.amin, "sum": torch.sum, "prod": torch.prod, "any": torch.any, "all": torch.all}[
        kind
    ](x, 1)
    (y,) = Launcher(lowered(reduction(kind, dtype, size, 7)))(x)
    torch.testing.assert_close(y, expected)
    if dtype == "f32":
        x[2, 3] = float("nan")
        assert Launcher(lowered(reduction(kind, dtype, size, 7)))(x)[0].isnan().tolist() == [False, False, True, False, False]


def test_gather_by_value() -> None:
    text = """
func.func @f(%x: !tensor_ext.tensor<N, 8 : f32>, %ids: !tensor_ext.tensor<S : i64>) -> !tensor_ext.tensor<S, 8 : f32> {
  %o = loop.kernel @k(%X = %x, %I = %ids) dims [i = S, d = 8] schedule [i grid 16, d whole] warps 4 stages 2 {
    %0 = loop.load %I[i] : !loop.tile<i : i64>
    %1 = loop.load %X[%0, d] : !loop.tile<i, d : f32>
    loop.store %1, 0[i, d]
  } : !tensor_ext.tensor<S, 8 : f32>
  func.return %o : !tensor_ext.tensor<S, 8 : f32>
}
"""
    x, ids = torch.randn(11, 8), torch.randint(0, 11, (37,))
    assert torch.equal(Launcher(lowered(text))(x, ids)[0], x[ids])


def test_every_function_has_a_spelling() -> None:
    assert SPELLING.keys() == ROWS.keys()


def test_literals() -> None:
    values = [0.1, -0.0, 1e-45, float("inf"), float("-inf"), float("nan"), 7, -7]
    assert list(map(literal, values)) == ["0.1", "(-0.0)", "1e-45", 'float("inf")', 'float("-inf")', 'float("nan")', "7", "(-7)"]


@pytest.mark.parametrize(
    "text", ["import os", "v0 = open", "v0 = tl.inline_asm", "v0 = v1.__class__", "v0 = 'x'", "lambda: v0", "def f(): pass"]
)
def test_whitelist(text: str) -> None:
    with pytest.raises(NotAllowed):
        check(text)


def test_compiles_without_spills_for_real_gpus() -> None:
    args = {"group": 8, "heads": 16, "tile": (128, 64), "dtype": "bf16", "warps": 8, "stages": 3}
    programs = [lowered(attention(d=d, causal=causal, **args)) for d in (64, 128) for causal in (False, True)]
    for compiled in compile_many(programs, "sm_90"):
        assert compiled.spills == 0
        assert compiled.wgmma >= 8
    for compiled in compile_many(programs[1:2], "sm_80"):
        assert compiled.spills == 0
        assert compiled.mma > 0
