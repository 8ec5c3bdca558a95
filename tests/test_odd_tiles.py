"""Tiled kernels of odd shapes: what is printed computes what the tiled level says."""

from __future__ import annotations

import pytest
import torch

from flashlight_mlir.backend.source import KernelSource
from flashlight_mlir.backend.triton import kernels
from flashlight_mlir.diagnostics import collect
from flashlight_mlir.driver import parse, run_passes
from flashlight_mlir.interpreters import evaluate
from flashlight_mlir.runtime.aot import compile_many
from flashlight_mlir.runtime.launch import Launcher

X = "!tensor_ext.tensor<S, T : f32>"
ROWS = "!tensor_ext.tensor<S : f32>"


def kernel(dims: str, body: str, result: str = ROWS, inputs: tuple[str, ...] = (X,)) -> str:
    args = ", ".join(f"%x{k}: {t}" for k, t in enumerate(inputs))
    bound = ", ".join(f"%X{k} = %x{k}" for k in range(len(inputs)))
    extents = ", ".join(f"{d.split()[0]} = {d.split()[1]}" for d in dims.split("; "))
    plans = ", ".join(f"{d.split()[0]} {' '.join(d.split()[2:])}" for d in dims.split("; "))
    return f"""
func.func @f({args}) -> {result} {{
  %r = loop.kernel @k({bound}) dims [{extents}] schedule [{plans}] warps 4 stages 2 {{
    %zero = arith.constant 0.0 : f32
    {body}
  }} : {result}
  func.return %r : {result}
}}
"""


SUM = """%a = loop.fold over [j] in [0, T) (%a0 = %zero : !loop.tile<i : f32>) {
      %0 = loop.load %X0[i, j] : !loop.tile<i, j : f32>
      %e = pointwise.exp %0 : !loop.tile<i, j : f32>
      %1 = loop.reduce sum %e over [j] : !loop.tile<i : f32>
      %2 = pointwise.add %a0, %1 : !loop.tile<i : f32>
      loop.yield %2
    }
    loop.store %a, 0[i]"""
SCALAR = "!tensor_ext.tensor<: f32>"
PROGRAMS = {
    "chunks of one": kernel("i S grid 4; j T stream 1", SUM),
    "rows of one": kernel("i S grid 1; j T stream 8", SUM),
    "one lane at all": kernel("i S grid 1; j T stream 1", SUM),
    "two dims in one fold": kernel(
        "i S stream 4; j T stream 8",
        """%a = loop.fold over [i, j] in [0, S), [0, T) (%a0 = %zero : f32) {
      %0 = loop.load %X0[i, j] : !loop.tile<i, j : f32>
      %e = pointwise.exp %0 : !loop.tile<i, j : f32>
      %1 = loop.reduce sum %e over [i, j] : f32
      %2 = pointwise.add %a0, %1 : f32
      loop.yield %2
    }
    loop.store %a, 0[]""",
        SCALAR,
    ),
    "a fold that stores": kernel(
        "i S grid 4; j T stream 8",
        """loop.fold over [j] in [0, T) {
      %0 = loop.load %X0[i, j] : !loop.tile<i, j : f32>
      %1 = loop.index i * 3 - j : !loop.tile<i, j : index>
      %2 = pointwise.cast %1 : !loop.tile<i, j : f32>
      %3 = pointwise.add %0, %2 : !loop.tile<i, j : f32>
      loop.store %3, 0[i, j]
      loop.yield
    }""",
        X,
    ),
    "index by remainder": kernel(
        "r 3*S grid 8; j T grid 4",
        """%0 = loop.load %X0[r floordiv 3, j] : !loop.tile<r, j : f32>
    %1 = loop.index r mod 3 : !loop.tile<r : index>
    %2 = pointwise.cast %1 : !loop.tile<r : f32>
    %3 = pointwise.mul %0, %2 : !loop.tile<r, j : f32>
    loop.store %3, 0[r, j]""",
        "!tensor_ext.tensor<3 * S, T : f32>",
    ),
    "backwards and aslant": kernel(
        "i S grid 4; j T grid 8",
        """%0 = loop.load %X0[S - i - 1, T - j - 1] : !loop.tile<i, j : f32>
    %1 = loop.load %X1[i - j + T - 1] : !loop.tile<i, j : f32>
    %2 = pointwise.add %0, %1 : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]""",
        X,
        (X, "!tensor_ext.tensor<S + T - 1 : f32>"),
    ),
    "a masked load": kernel(
        "i S grid 4; j T grid 8",
        """%1 = loop.index i - j : !loop.tile<i, j : index>
    %n = arith.constant 0 : index
    %m = pointwise.ge %1, %n : !loop.tile<i, j : i1>
    %0 = loop.load %X0[i, j] if %m : !loop.tile<i, j : f32>
    loop.store %0, 0[i, j]""",
        X,
    ),
    "broadcast on store": kernel(
        "i S grid 4; j T grid 8; d 5 whole",
        """%0 = loop.load %X0[d] : !loop.tile<d : f32>
    %1 = loop.reduce sum %0 over [d] : f32
    loop.store %1, 0[i, j]""",
        X,
        ("!tensor_ext.tensor<5 : f32>", X),
    ),
    "an outer product": kernel(
        "i S grid 4; j T grid 8; d 1 whole",
        """%0 = loop.load %X0[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %X1[j, d] : !loop.tile<j, d : f32>
    %2 = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]""",
        X,
        ("!tensor_ext.tensor<S, 1 : f32>", "!tensor_ext.tensor<T, 1 : f32>"),
    ),
    "contraction first in order": kernel(
        "d 20 whole; j T grid 16; i S grid 4",
        """%0 = loop.load %X0[i, d] : !loop.tile<d, i : f32>
    %1 = loop.load %X1[j, d] : !loop.tile<d, j : f32>
    %2 = loop.contract %0, %1 over [d] : !loop.tile<j, i : f32>
    loop.store %2, 0[i, j]""",
        X,
        ("!tensor_ext.tensor<S, 20 : f32>", "!tensor_ext.tensor<T, 20 : f32>"),
    ),
    "two contracted dims": kernel(
        "i S grid 4; j T grid 8; c 3 whole; d 5 whole",
        """%0 = loop.load %X0[i, c, d] : !loop.tile<i, c, d : f32>
    %1 = loop.load %X1[j, c, d] : !loop.tile<j, c, d : f32>
    %2 = loop.contract %0, %1 over [c, d] : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]""",
        X,
        ("!tensor_ext.tensor<S, 3, 5 : f32>", "!tensor_ext.tensor<T, 3, 5 : f32>"),
    ),
    "constants chosen by a comparison": kernel(
        "i S grid 4; j T grid 8",
        """%0 = loop.load %X0[i, j] : !loop.tile<i, j : f32>
    %one = arith.constant 1.0 : f32
    %c = arith.constant 0.5 : f64
    %m = pointwise.gt %0, %c : !loop.tile<i, j : i1>
    %n = pointwise.isnan %0 : !loop.tile<i, j : i1>
    %nn = pointwise.not %n : !loop.tile<i, j : i1>
    %mm = pointwise.and %m, %nn : !loop.tile<i, j : i1>
    %2 = pointwise.select %mm, %one, %zero : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]""",
        X,
    ),
}
SHAPES = {"S": 13, "T": 21}


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_the_tiled_level_says(name: str) -> None:
    module = parse(PROGRAMS[name])
    generator = torch.Generator().manual_seed(0)
    func = next(op for op in module.walk() if op.name == "func.func")
    shapes = [[int(e.evaluate(lambda atom: SHAPES[str(atom)])) for e in a.type.shape] for a in func.body.block.args]  # pyright: ignore
    xs = [torch.randn(s, generator=generator) for s in shapes]
    (expected,) = evaluate(module, xs)
    with collect() as remarks:
        run_passes(module, ["lower"])
    assert not remarks
    (printed,) = kernels(module)
    (actual,) = Launcher(printed)(*xs)
    torch.testing.assert_close(actual.double(), expected.double(), rtol=1e-5, atol=1e-5)


def test_compiles_for_real_gpus() -> None:
    def printed(text: str) -> KernelSource:
        module = parse(text)
        run_passes(module, ["lower"])
        return kernels(module)[0]

    assert len(compile_many([printed(text) for text in PROGRAMS.values()], "sm_80")) == len(PROGRAMS)
