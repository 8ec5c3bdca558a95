"""``flashlight_mlir.compile``: what a user meets, on a machine without a GPU."""

from __future__ import annotations

import random

import pytest
import torch
from programs import Program, programs
from torch.utils import _pytree as pytree

import flashlight_mlir
from flashlight_mlir.compiler import STAGES
from flashlight_mlir.driver import parse
from flashlight_mlir.host import interpreted

BY_NAME = {p.name: p for p in programs()}


def exact(f, inputs):
    return f(*(x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in inputs))


def assert_near(actual, expected, rtol: float) -> None:
    for a, e in zip(pytree.tree_leaves(actual), pytree.tree_leaves(expected), strict=True):
        scale = float(e.double().abs().nan_to_num(0, 0, 0).max()) if e.numel() else 0.0
        torch.testing.assert_close(a.double(), e.double(), rtol=rtol, atol=rtol * max(scale, 1.0), equal_nan=True)


def dynamic(inputs):
    return tuple({2: torch.export.Dim("S", min=1)} for _ in inputs)


@pytest.fixture(scope="module")
def causal() -> flashlight_mlir.compiler.Program:
    inputs = BY_NAME["causal"].inputs()
    return flashlight_mlir.compile(BY_NAME["causal"].function, *inputs, dynamic_shapes=dynamic(inputs))


@pytest.mark.parametrize("program", programs(), ids=lambda p: p.name)
def test_every_stage_of_every_program(program: Program) -> None:
    torch.manual_seed(0)
    inputs = program.inputs()
    p = flashlight_mlir.compile(program.function, *inputs)
    assert p.kernels
    assert list(p.ir) == list(STAGES)
    reference = p.evaluate(*inputs)
    assert_near(reference, exact(program.function, inputs), 1e-5)  # a program may say .float(): torch then computes in f32
    for stage in ("fuse", "tile"):
        assert_near(p.evaluate(*inputs, stage=stage), reference, 1e-9)
    assert_near(p.evaluate(*inputs, stage="fuse", chunks=random.Random(0)), reference, 1e-9)


@pytest.mark.parametrize("name", ["causal", "differential", "lse_entropy", "variance"])
def test_the_kernels_in_tritons_interpreter(name: str) -> None:
    torch.manual_seed(0)
    inputs = BY_NAME[name].inputs()
    p = flashlight_mlir.compile(BY_NAME[name].function, *inputs)
    assert_near(p.evaluate(*inputs, stage="lower"), p.evaluate(*inputs), 4e-3)


def test_one_text_serves_every_length(causal) -> None:
    for length in (1, 17, 33, 100):
        inputs = BY_NAME["causal"].inputs(length=length)
        assert_near(causal.evaluate(*inputs, stage="tile"), causal.evaluate(*inputs), 1e-9)
        assert causal(*inputs).shape == inputs[0].shape
    inputs = BY_NAME["causal"].inputs(length=70)
    assert_near(causal.evaluate(*inputs, stage="lower"), causal.evaluate(*inputs), 4e-3)


def test_a_program_can_be_read(causal) -> None:
    (kernel,) = causal.kernels
    assert kernel.dims["j"].startswith("S, stream")
    assert kernel.dims["d"] == "16, whole"
    assert "@triton.jit" in kernel.source
    assert causal.intermediates == []
    assert all(parse(text) for text in causal.ir.values())
    text = str(causal)
    assert text.startswith("causal: 1 kernel for sm_")
    assert "stored between kernels: nothing" in text
    eager, ours = causal.stored_bytes(S=1000)
    assert ours == 0
    assert eager > 2 * 3 * 1000 * 1000 * 2


def test_without_a_gpu_torch_runs_it_and_says_so() -> None:
    program = BY_NAME["full"]
    inputs = program.inputs()
    p = flashlight_mlir.compile(program.function, *inputs)
    assert_near(p(*inputs), program.function(*inputs), 2e-3)
    if not interpreted():
        assert [r.rule for r in p.remarks].count("run") == 1
        p(*inputs)
        assert [r.rule for r in p.remarks].count("run") == 1


def test_what_the_trace_assumed_is_checked(causal) -> None:
    q, k, v = BY_NAME["causal"].inputs(length=9)
    for bad, message in (
        ((q, k[:, :, :5], v), "causal: axis 2 of k should be S = 9, is 5"),
        ((q, k[:, :2], v), "causal: axis 1 of k should be 3, is 2"),
        ((q[0], k, v), "causal: q should have 4 axes, has 3"),
        ((q, k.float(), v), r"causal: k should be torch.float16, is torch.float32"),
        ((q, k, 3.0), "causal: v should be a tensor, is 3.0"),
        ((q, k), "structure"),
    ):
        with pytest.raises(ValueError, match=message):
            causal(*bad)


def test_equal_sizes_in_the_example_are_an_assumption() -> None:
    def f(x, y):
        return (x + y).sum(-1)

    s = torch.export.Dim("S")
    x, y = torch.randn(6, 4), torch.randn(6, 4)
    p = flashlight_mlir.compile(f, x, y, dynamic_shapes=({0: s}, {0: s}))
    assert_near(p(x[:5], y[:5]), f(x[:5], y[:5]), 1e-6)
    with pytest.raises(ValueError, match="f: axis 0 of y should be S = 5, is 6"):
        p(x[:5], y)


def test_what_belongs_to_no_kernel_is_run_by_torch() -> None:
    def f(x):
        y = torch.sort(x * 2, dim=-1)[0]
        return {"out": torch.softmax(y, -1), "top": y[:, -1]}

    x = torch.randn(5, 12)
    p = flashlight_mlir.compile(f, x)
    assert 'tensor_ext.call "aten.sort' in p.ir["lower"]
    assert any("call" in i.producer or i.shape == (5, 12) for i in p.intermediates)
    got = p(x)
    assert set(got) == {"out", "top"}
    assert_near(got, f(x), 1e-6)
    assert_near(p.evaluate(x, stage="tile"), exact(f, (x,)), 1e-9)
    assert_near(p.evaluate(x, stage="lower"), exact(f, (x,)), 1e-5)


def test_bad_requests() -> None:
    x = torch.randn(4)
    with pytest.raises(ValueError, match="a target is spelled sm_80"):
        flashlight_mlir.compile(torch.exp, x, target="hopper")
    p = flashlight_mlir.compile(lambda x: x.exp() + 1, x)
    with pytest.raises(ValueError, match="the stages are import, fuse, tile, lower"):
        p.evaluate(x, stage="tiled")


@pytest.mark.parametrize("lengths", [(5, 0), (0, 5), (0, 0)])
def test_constant_lengths_of_zero_are_torch_s(lengths: tuple[int, int]) -> None:
    """A fixed length of 0 is no kernel's, and no error of the compiler's; sums over nothing are 0, as in eager."""

    def f(q, k):
        return torch.softmax(q @ k.mT, -1) @ k, (q @ k.mT).sum(-1), torch.relu(k.sum(1)).softmax(-1)

    x = tuple(torch.randn(2, n, 8) for n in lengths)
    p = flashlight_mlir.compile(f, *x, target="sm_90")
    assert not [r for r in p.remarks if r.rule == "compile"]
    for stage in ("import", "fuse", "tile"):
        for found, expected in zip(p.evaluate(*x, stage=stage), f(*x), strict=True):
            torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-6)
