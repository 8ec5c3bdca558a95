"""Masks made of large finite numbers instead of -∞ (``finfo.min``): rows that see nothing average everything, as in eager PyTorch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
import torch

import flashlight_mlir
from flashlight_mlir.backend.triton import kernels as printed
from flashlight_mlir.compiler import Program
from flashlight_mlir.driver import parse
from flashlight_mlir.runtime.aot import compile_many

Tensor = torch.Tensor
Function = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
MIN = torch.finfo(torch.float32).min


def seen(q: Tensor, keep: Tensor) -> Tensor:
    """Causal, and no padding: batch, query, key."""
    i = torch.arange(q.shape[-2])
    return (i[:, None] >= i) & keep[:, None, :]


def scores(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.mT * 0.125).float()


def attend(s: Tensor, v: Tensor) -> Tensor:
    return torch.softmax(s, -1).to(v.dtype) @ v


def added(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    return attend(scores(q, k) + torch.where(seen(q, keep), 0.0, MIN), v)


def filled(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    return attend(scores(q, k).masked_fill(~seen(q, keep), MIN), v)


def twice(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Hidden for two reasons is -∞ in f32: a row of that is NaN."""
    return attend(scores(q, k) + torch.where(seen(q, keep), 0.0, MIN) + torch.where(keep, 0.0, MIN)[:, None], v)


def inputs(dtype: torch.dtype = torch.float16, length: int = 150) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The second sequence is padded on the left, the third is padding."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, length, 16).to(dtype) for _ in range(3))
    keep = torch.arange(length) >= torch.tensor([[0], [length // 2], [length]])
    return q, k, v, keep


def loaded(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The mask is an input, or stored by another kernel."""
    return attend(scores(q, k) + mask, v)


def windowed(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """A row sees up to twenty keys: tiles before and after them are left out."""
    i = torch.arange(q.shape[-2])
    near = (i[:, None] - i < 20) & seen(q, keep)
    return attend(scores(q, k).masked_fill(~near, -1e9), v)


def two(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Two maxima in one pass: rows go on until both have seen a score."""
    hidden = torch.where(seen(q, keep), 0.0, MIN)
    first, second = (attend(scores(q[..., half], k[..., half]) + hidden, v) for half in (slice(0, 8), slice(8, 16)))
    return first - 0.5 * second


def bounded(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Scores between -30 and 30 (a softcap) are hidden by adding as little as -65504."""
    return attend(30 * torch.tanh(scores(q, k) / 30) + torch.where(seen(q, keep), 0.0, -65504.0), v)


FUNCTIONS: list[Function] = [added, filled, windowed, two, bounded]


def goes_on(program: Program) -> bool:
    """A loop ends at the tile's last row, and another goes on from there for some rows."""
    text = program.ir["tile"]
    return "min(150, hi(i)))" in text and bool(re.search(r"150\) if %", text))


@pytest.mark.parametrize("f", [*FUNCTIONS, twice])
def test_rows_that_see_nothing(f: Function) -> None:
    args = inputs()
    program = flashlight_mlir.compile(f, *args)
    assert len(program.kernels) == 1
    assert goes_on(program)
    expected = f(*args)
    assert expected.isfinite().all() == (f is not twice)
    torch.testing.assert_close(program(*args), expected, rtol=2e-3, atol=2e-3, equal_nan=True)
    if f is not twice:  # in f64 nothing is so small that adding it twice is -∞
        fused, tiled = (program.evaluate(*args, stage=stage) for stage in ("fuse", "tile"))
        torch.testing.assert_close(tiled, fused, rtol=1e-9, atol=1e-12)


def test_a_mask_from_memory() -> None:
    q, k, v, keep = inputs()
    args = q, k, v, torch.where(keep, 0.0, MIN)[:, None].expand(3, 150, 150)
    expected = loaded(*args)
    assert expected.isfinite().all()
    torch.testing.assert_close(flashlight_mlir.compile(loaded, *args)(*args), expected, rtol=2e-3, atol=2e-3)


def summed(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    hidden = ~keep[:, None]
    return attend(scores(q, k).masked_fill(hidden, MIN) + scores(k, q).masked_fill(hidden, MIN), v)


def scaled(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    return attend(4 * scores(q, k).masked_fill(~keep[:, None], MIN), v)


@pytest.mark.parametrize("f", [summed, scaled])
def test_more_than_the_largest_number_is_infinite(f: Function) -> None:
    """A row of -∞ is NaN, as in eager: such a mask keeps its size."""
    args = inputs(length=40)
    expected = f(*args)
    assert expected[2].isnan().all()
    assert expected[:2].isfinite().all()
    torch.testing.assert_close(flashlight_mlir.compile(f, *args)(*args), expected, rtol=2e-3, atol=2e-3, equal_nan=True)


def test_a_mask_scaled_to_a_small_number_keeps_its_size() -> None:
    """A hidden score is -3.4 here: another mask in its place, as far below the others, would be seen."""

    def small(q: Tensor, k: Tensor, v: Tensor, keep: Tensor) -> Tensor:
        return attend(1e-38 * scores(q, k).masked_fill(~keep[:, None], MIN), v)

    args = inputs(length=40)
    torch.testing.assert_close(flashlight_mlir.compile(small, *args)(*args), small(*args), rtol=2e-3, atol=2e-3)


def test_in_f32() -> None:
    args = inputs(torch.float32)
    program = flashlight_mlir.compile(filled, *args)
    assert goes_on(program)
    torch.testing.assert_close(program(*args), filled(*args), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("f", [added, filled, two])
def test_a_finite_mask_is_an_infinite_one_for_rows_that_see_something(f: Function) -> None:
    """Bit by bit: the tiles are the same, and what is hidden adds exactly 0."""
    q, k, v, keep = inputs()
    keep[2, -1] = True
    infinite: Function = FunctionType(f.__code__, {**f.__globals__, "MIN": -math.inf})
    some = seen(q, keep).any(-1)
    finite, other = (flashlight_mlir.compile(each, q, k, v, keep)(q, k, v, keep)[some] for each in (f, infinite))
    assert torch.equal(finite, other)
    assert 0 < some.sum() < some.numel()


def test_rows_beyond_the_end_do_not_go_on() -> None:
    """Rows 34 to 63 of the second tile do not exist, and would have seen nothing."""
    q, k, v, _ = inputs(length=98)
    keep = torch.ones(3, 98, dtype=torch.bool)
    source = flashlight_mlir.compile(windowed, q, k, v, keep).kernels[0].source
    (short,) = re.findall(r"(v\d+) = v\d+ < \(-", source)
    (inside,) = re.findall(rf"(v\d+) = {short} & v\d+|(v\d+) = v\d+ & {short}", source)
    assert re.search(rf"tl\.max\(tl\.cast\({''.join(inside)}, tl\.int32\), 0\)", source)


def hf(name: str, **config: Any) -> tuple[torch.nn.Module, dict[str, Any]]:
    """A model of ``transformers`` in bf16, two layers, over 300 tokens, the second sequence padded on the left."""
    transformers: Any = pytest.importorskip("transformers", reason="pip install flashlight-mlir[dev]")
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 99}
    made = getattr(transformers, f"{name}Config")(**sizes | {"pad_token_id": 0} | config)
    model = getattr(transformers, f"{name}Model")._from_config(made, attn_implementation="eager").bfloat16().eval()
    ids = torch.arange(600).reshape(2, 300) * 37 % 96 + 3
    return model, {"input_ids": ids, "attention_mask": (torch.arange(300) >= torch.tensor([[0], [100]])).long(), "use_cache": False}


MODELS: dict[str, dict[str, Any]] = {
    "Llama": {"num_key_value_heads": 2},
    "Gemma2": {"num_key_value_heads": 2, "head_dim": 16, "sliding_window": 64},
}


@pytest.mark.parametrize("name", MODELS)
def test_models_visit_half(name: str) -> None:
    """Each layer of a causal model in its eager form is bounded by the diagonal, and by its window."""
    module, args = hf(name, **MODELS[name])
    with torch.no_grad():
        report = flashlight_mlir.explain(module, target="sm_90")(**args)
    layers = [r for r in report.regions if "loop.contract" in r.ir["tile"] and "exp2" in r.ir["tile"]]
    assert sum(r.copies for r in layers) == 2, report
    for region in layers:
        assert re.search(r"300\) if %", region.ir["tile"]), region
        assert re.search(r"in \[[^(]*\bmin\(300, hi\(i\)", region.ir["tile"]) or "hi(i)))" in region.ir["tile"]
    assert sum(r.copies for r in layers if "lo(i) - 63" in r.ir["tile"]) == (name == "Gemma2")


def test_loops_that_always_run_are_as_good() -> None:
    """Ahead of time: no spills, and all products on matrix units; only the loop that seldom runs is not pipelined."""
    kernels = []
    for f, d in ((added, 128), (windowed, 64)):
        q, k, v = (torch.randn(1, 1024, d, dtype=torch.bfloat16) for _ in range(3))
        program = flashlight_mlir.compile(f, q, k, v, torch.ones(1, 1024, dtype=torch.bool), target="sm_90")
        kernels += printed(parse(program.ir["lower"]))
    for kernel, compiled in zip(kernels, compile_many(kernels, "sm_90"), strict=True):
        always, seldom = kernel.source.count(" in range("), kernel.source.count(", num_stages=1)")
        assert always == 2 * seldom or always == seldom + 1
        assert compiled.spills == 0
        assert compiled.wgmma >= 4 * (always + seldom)
