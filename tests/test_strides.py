"""Inputs in any memory layout, on the first call and on a later one, through one compiled program, in Triton's interpreter."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache

import pytest
import torch
from programs import programs

import flashlight_mlir
from flashlight_mlir.compiler import Program

EXAMPLES = {p.name: p for p in programs()}
ORDERS = list(itertools.permutations(range(4)))
SHAPE = (2, 2, 5, 16)


@cache
def compiled(name: str, dtype: torch.dtype) -> Program:
    """One program for all calls of this file, traced on contiguous inputs."""
    torch.manual_seed(0)
    return flashlight_mlir.compile(EXAMPLES[name].function, *inputs(dtype, 0))


def permuted(x: torch.Tensor, order: tuple[int, ...]) -> torch.Tensor:
    """The same elements, in memory in another order of the axes."""
    return x.permute(order).contiguous().permute([order.index(k) for k in range(x.ndim)])


def sliced(x: torch.Tensor) -> torch.Tensor:
    """Every second row of some rows, from an offset on, of a larger tensor."""
    b, h, s, d = x.shape
    large = torch.full((b + 1, h, 2 * s + 3, d + 5), float("nan"), dtype=x.dtype)
    view = large[1:, :, 3::2, 2 : d + 2]
    assert view.storage_offset() > 0
    assert view.shape == x.shape
    return view.copy_(x)


def expanded(x: torch.Tensor, axis: int) -> torch.Tensor:
    """One slice along an axis, everywhere along it: stride 0."""
    return x.narrow(axis, 0, 1).expand(x.shape)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **{f"order {''.join('BHSD'[a] for a in o)}": lambda x, o=o: permuted(x, o) for o in ORDERS},
    "sliced": sliced,
    "sliced and transposed": lambda x: sliced(x.mT).mT,
    "batch expanded": lambda x: expanded(x, 0),
    "heads expanded": lambda x: expanded(x, 1),
    "rows expanded": lambda x: expanded(x, 2),
    "columns expanded": lambda x: expanded(x, 3),
    "all expanded": lambda x: expanded(expanded(expanded(expanded(x, 0), 1), 2), 3),
    "offset": lambda x: torch.cat([x.new_full((7,), float("nan")), x.flatten()])[7:].view(x.shape),
}


def inputs(dtype: torch.dtype, seed: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(SHAPE, generator=generator).to(dtype) for _ in range(3))


def check(program: Program, name: str, args: tuple[torch.Tensor, ...]) -> None:
    plain = tuple(x.contiguous() for x in args)
    actual = program(*args)
    assert torch.equal(actual, program(*plain)), "strides change no bit"
    assert actual.stride() == EXAMPLES[name].function(*args).stride()
    exact = EXAMPLES[name].function(*(x.double() for x in plain))
    error = (actual.double() - exact).abs().max()
    assert error < (4e-3 if args[0].dtype == torch.float16 else 2e-6)


def cases() -> Iterator[tuple[str, str]]:
    """Each layout first, then another one through the same program."""
    names = list(LAYOUTS)
    yield from zip(names, names[7:] + names[:7], strict=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize(("first", "second"), list(cases()))
def test_layouts(first: str, second: str, dtype: torch.dtype) -> None:
    program = compiled("causal", dtype)
    for seed, layout in enumerate((first, second)):
        check(program, "causal", tuple(map(LAYOUTS[layout], inputs(dtype, seed))))


@pytest.mark.parametrize("k", range(len(ORDERS)))
def test_each_input_in_its_own_order(k: int) -> None:
    program = compiled("full", torch.float16)
    orders = [ORDERS[(k + step) % len(ORDERS)] for step in (0, 5, 11)]
    args = tuple(permuted(x, o) for x, o in zip(inputs(torch.float16, k), orders, strict=True))
    assert len({x.stride() for x in args}) > 1
    check(program, "full", args)
