"""What only a GPU can show of ``torch.compile(f, backend="flashlight")``: ``TRITON_INTERPRET=0 pytest tests/test_gpu.py``."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from bridge import compiled, precision, regions, reports, softcap
from programs import Program, programs
from torch._inductor import config

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from accuracy import bounds, check, data, exact, listed, sizes_for

ON_GPU = torch.cuda.is_available() and not triton.knobs.runtime.interpret
pytestmark = pytest.mark.skipif(not ON_GPU, reason="no GPU, or Triton's interpreter")

DTYPES = [torch.bfloat16, torch.float16, torch.float32]
ELSEWHERE = ("vendor", "reductions without a contraction", "f32 products", "no contraction or reduction follows another")
"""What the refusal of a whole example may say."""


@pytest.fixture(autouse=True)
def _without_caches() -> Iterator[None]:
    """A graph from torch's caches reaches no pass, so that there is no report to look at."""
    with config.patch(force_disable_caches=True):
        yield


def qkv(length: int, d: int = 64, dtype: torch.dtype = torch.bfloat16, device: str = "cuda") -> list[torch.Tensor]:
    return [torch.randn(2, 4, length, d, dtype=dtype, device=device) for _ in range(3)]


def assert_claims(got: Any, f: Any, args: tuple[Any, ...]) -> None:
    """Claims 1 and 2 of the README."""
    for ours, eager, reference in zip(listed(got), listed(f(*args)), listed(exact(f, args)), strict=True):
        assert (ours.shape, ours.dtype) == (eager.shape, eager.dtype)
        assert ours.stride() == eager.stride() or not eager.numel()
        assert (broken := bounds(ours, eager, reference.double())) is None, broken


def inputs_of(program: Program, length: int, dtype: torch.dtype) -> tuple[Any, ...]:
    names = inspect.signature(program.inputs).parameters
    sizes = {"length": length} if "length" in names else {}
    return tuple(a.cuda() for a in program.inputs(dtype=dtype, **sizes))


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: str(d).removeprefix("torch."))
@pytest.mark.parametrize("program", programs(), ids=lambda p: p.name)
def test_examples(program: Program, dtype: torch.dtype, dynamic: bool) -> None:
    with torch.no_grad(), reports() as found:
        run = compiled(program.function, dynamic=dynamic)
        for length in (200, 333) if dynamic else (200,):
            torch.manual_seed(length)
            args = inputs_of(program, length, dtype)
            for kind in ("x1", "x10", "huge"):
                given = data(kind, args)
                got = run(*given)
                if any(report.regions for report in found):  # else it is Inductor's
                    assert_claims(got, program.function, given)
    assert len(found) == 1
    reasons = [str(r) for r in found[0].refusals]
    assert regions(found) == 1 or any(word in reason for reason in reasons for word in ELSEWHERE), reasons


def test_cuda_graphs_see_changed_data() -> None:
    with torch.no_grad(), reports() as found:
        run = compiled(lambda q, k, v: torch.relu(softcap(q, k, v)) + 1, mode="reduce-overhead")
        kept = []
        for seed in range(6):
            torch.manual_seed(seed)
            q, k, v = qkv(160)
            torch.compiler.cudagraph_mark_step_begin()
            got = run(q, k, v).clone()
            kept.append((got, torch.relu(softcap(q, k, v)) + 1))
        static = qkv(160)
        for seed in range(4):  # the same buffers, other contents
            for x in static:
                x.copy_(torch.randn_like(x) * (seed + 1))
            torch.compiler.cudagraph_mark_step_begin()
            kept.append((run(*static).clone(), torch.relu(softcap(*static)) + 1))
    assert regions(found) == 1
    for got, expected in kept:
        torch.testing.assert_close(got, expected, atol=2e-2, rtol=2e-2)


def test_a_captured_graph_replays() -> None:
    static = qkv(130)
    with torch.no_grad():
        run = compiled(softcap)
        run(*static)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            got = run(*static)
        for seed in range(3):
            torch.manual_seed(seed)
            for x in static:
                x.copy_(torch.randn_like(x))
            graph.replay()
            torch.testing.assert_close(got, softcap(*static), atol=2e-2, rtol=2e-2)


def test_another_stream() -> None:
    stream = torch.cuda.Stream()
    with torch.no_grad(), torch.cuda.stream(stream):
        args = qkv(257)
        torch.cuda._sleep(10_000_000)
        got = compiled(softcap)(*args)
        expected = softcap(*args)
    stream.synchronize()
    torch.testing.assert_close(got, expected, atol=2e-2, rtol=2e-2)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU")
def test_several_devices() -> None:
    """The kernel runs where its tensors are, whatever the current device is; one graph may use two."""

    def both(a: list[torch.Tensor], b: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        return softcap(*a), softcap(*b)

    with torch.no_grad(), reports() as found:
        run, each = compiled(both), compiled(softcap)
        for length in (96, 130):
            a, b = qkv(length, device="cuda:0"), qkv(length, device="cuda:1")
            for got, expected in zip(run(a, b), both(a, b), strict=True):
                assert got.device == expected.device
                torch.testing.assert_close(got, expected, atol=2e-2, rtol=2e-2)
            for args in (b, a, b):
                torch.testing.assert_close(each(*args), softcap(*args), atol=2e-2, rtol=2e-2)
    assert all(report.regions and not report.refusals for report in found)


def test_offsets_beyond_31_bits() -> None:
    base = torch.empty(2**31 + 2**20, dtype=torch.bfloat16, device="cuda")
    size = (2, 4, 100, 64)
    strides = (2**31 - 2**18, 100 * 64, 64, 1)
    views = [torch.as_strided(base, size, strides, 25600 * n) for n in range(3)]
    for view in views:
        view.copy_(torch.randn(size, dtype=torch.bfloat16))
    with torch.no_grad(), reports() as found:
        run = compiled(softcap)
        small = qkv(100)
        torch.testing.assert_close(run(*small), softcap(*small), atol=2e-2, rtol=2e-2)
        torch.testing.assert_close(run(*views), softcap(*views), atol=2e-2, rtol=2e-2)
    assert regions(found)


@pytest.mark.parametrize("name", ["ieee", "tf32"])
def test_the_precision_of_f32_is_torchs(name: str) -> None:
    torch.manual_seed(0)
    args = tuple(qkv(300, dtype=torch.float32))
    with torch.no_grad(), precision(name), reports():
        got = compiled(softcap)(*args)
    error = (got.double() - softcap(*(x.double() for x in args))).abs().max().item()
    assert (error < 1e-5) == (name == "ieee"), error


LENGTHS = [19, 2, 3, 5, 7, 8, 13, 16, 17, 23, 31, 32, 33, 48, 61, 64, 65, 96, 1000, 127]


@pytest.mark.parametrize("dynamic", [True, None])
def test_twenty_lengths(dynamic: bool | None) -> None:
    with torch.no_grad(), reports() as found:
        run = compiled(softcap, dynamic=dynamic)
        for length in LENGTHS:
            args = tuple(qkv(length))
            assert_claims(run(*args), softcap, args)
    assert len(found) <= (1 if dynamic else 2)
    assert regions(found) == len(found)


def test_lengths_0_and_1() -> None:
    with torch.no_grad():
        run = compiled(softcap, dynamic=True)
        for length in (19, 0, 1, 20, 1, 0):
            args = tuple(qkv(length))
            assert_claims(run(*args), softcap, args)


def test_no_scores_in_memory() -> None:
    args = qkv(4096)
    with torch.no_grad():
        run = compiled(softcap)
        run(*args)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        out = run(*args)
        torch.cuda.synchronize()
        grown = torch.cuda.max_memory_allocated() - before
    assert grown <= out.nbytes + 2**20, grown


def test_autocast() -> None:
    q, k, v = qkv(200, dtype=torch.float32)
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16), reports() as found:
        got, expected = compiled(softcap)(q, k, v), softcap(q, k, v)
    assert got.dtype == expected.dtype
    torch.testing.assert_close(got, expected, atol=2e-2, rtol=2e-2)
    assert regions(found) == 1


def test_gradients_are_eagers() -> None:
    args = [x.float().requires_grad_() for x in qkv(100)]
    given = torch.autograd.grad(compiled(softcap)(*args).square().sum(), args)
    wanted = torch.autograd.grad(softcap(*args).square().sum(), args)
    for a, b in zip(given, wanted, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_a_standalone_file(tmp_path: Path) -> None:
    with torch.no_grad(), reports() as found:
        compiled(softcap)(*qkv(200))
    (region,) = [r for f in found for r in f.regions]
    path = tmp_path / "region.py"
    path.write_text(region.file)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_launches_are_bitwise_equal() -> None:
    args = qkv(500)
    with torch.no_grad():
        run = compiled(softcap)
        first = run(*args)
        assert all(torch.equal(run(*args), first) for _ in range(1000))


LONG = "an f32 accumulator takes one addition a tile; eager's library and torch's row sums add in more parts"
BEYOND = [
    ("causal", torch.float32, 16384, "huge", LONG),
    ("lse_entropy", torch.float32, 16384, "x1", LONG),
    ("layer_norm", torch.float32, 16384, "offset", LONG),
    ("layer_norm_matmul", torch.float32, 16384, "x1", LONG),
    ("variance", torch.float32, 16384, "x10", LONG),
    ("cross_entropy", torch.float32, None, "x10", "the 64 products of a logit are one chain; parts would spill"),
    (
        "differential",
        torch.bfloat16,
        17,
        "offset",
        "equal scores near 1e9: a fused multiply-add leaves 2^±43 of the largest, not 1",
    ),
]


@pytest.mark.parametrize(
    ("name", "dtype", "length", "kind"),
    [pytest.param(*row, marks=pytest.mark.xfail(strict=True, reason=why)) for *row, why in BEYOND],
)
def test_rows_beyond_claim_1(name: str, dtype: torch.dtype, length: int | None, kind: str) -> None:
    """What ``benchmarks/accuracy.py`` finds broken, one row for each cause and program."""
    (program,) = [p for p in programs() if p.name == name]
    rows = check(program, dtype, sizes_for(program.inputs, length))
    broken = [row["broken"] for row in rows if row["kind"] == kind and row["broken"]]
    assert not broken, broken
