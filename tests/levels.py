"""Random inputs for a function's types, and the IR files that the tests of levels run over."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.utils.exceptions import ParseError, VerifyException

from flashlight_mlir.dialects.tensor_ext import TakeOp, TensorType
from flashlight_mlir.driver import parse
from flashlight_mlir.interpreters.frame import value_of
from flashlight_mlir.interpreters.pointwise import dtype_of

FILECHECK = Path(__file__).parent.parent / "filecheck"
SMALL, LARGE = (1, 2, 3), (1, 8, 17, 33, 100)


def modules() -> Iterator[tuple[str, str]]:
    """Name and text of every module in ``filecheck`` that parses: split files give several."""
    for path in sorted(FILECHECK.rglob("*.mlir")):
        for k, text in enumerate(re.split(r"^// -----.*$", path.read_text(), flags=re.MULTILINE)):
            try:
                parse(text)
            except (ParseError, VerifyException):
                continue
            yield f"{path.relative_to(FILECHECK)}:{k}", text


def functions(module: ModuleOp) -> Iterator[FuncOp]:
    """The functions that can be run: every input is a tensor."""
    for op in module.body.block.ops:
        if not isinstance(op, FuncOp) or op.is_declaration or not op.function_type.outputs.data:
            continue
        lowered = any(inner.name.startswith("block.") for inner in op.walk())
        if not lowered and all(isinstance(t, TensorType) for t in op.function_type.inputs.data):
            yield op


def random_inputs(func: FuncOp, seed: int) -> list[torch.Tensor]:
    """Inputs at random sizes that satisfy the types; integers are valid wherever they index."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    types = [t for t in func.function_type.inputs.data if isinstance(t, TensorType)]
    names = {n for t in types for e in t.shape for n in e.names}
    small = rng.sample(sorted(names), max(0, len(names) - 2))  # at most two are large: a tiled kernel's grid runs tile by tile
    sizes = {n: rng.choice(SMALL if n in small or n == "B" else LARGE) for n in sorted(names)}
    bound = _index_bound(func, sizes)
    out: list[torch.Tensor] = []
    for type in types:
        shape = [int(value_of(e, sizes)) for e in type.shape]
        dtype = dtype_of(type.element_type, native=True)
        if dtype == torch.bool:
            out.append(torch.rand(shape, generator=generator) < 0.6)
        elif isinstance(type.element_type, IntegerType):
            out.append(torch.randint(0, bound, shape, generator=generator).to(dtype))
        else:
            out.append(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype))
    return out


def _index_bound(func: FuncOp, sizes: dict[str, int]) -> int:
    """Below every size of a tensor that is indexed by values."""
    from flashlight_mlir.dialects.loop.memory import LoadOp

    tables = [op.source.type for op in func.walk() if isinstance(op, TakeOp) or (isinstance(op, LoadOp) and op.values)]
    limits = [value_of(e, sizes) for t in tables if isinstance(t, TensorType) for e in t.shape]
    return max(1, int(min(limits, default=4)))


def assert_same(actual: list[torch.Tensor], expected: list[torch.Tensor], rtol: float = 1e-9) -> None:
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, e, rtol=rtol, atol=rtol * max(1.0, _scale(e)), equal_nan=True)


def _scale(x: torch.Tensor) -> float:
    finite = x[torch.isfinite(x)] if x.is_floating_point() else x.new_zeros(0)
    return float(finite.abs().max()) if finite.numel() else 0.0
