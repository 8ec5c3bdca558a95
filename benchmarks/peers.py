"""Time our kernels beside eager, torch.compile and FlexAttention, and check them against float64, on the GPU at hand.

    python benchmarks/peers.py [--quick] [--json FILE]

bf16 forward, B·S = 16384, 16 heads. Every time is a median of CUDA-event timings in the same run; read the ratios.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
import triton.testing
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import flashlight_mlir

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.programs import programs

Tensors = tuple[torch.Tensor, ...]


def flex(name: str, s: int, d: int, device: str) -> Callable[..., torch.Tensor]:
    """The same variant as its user would write it for FlexAttention."""
    compiled = torch.compile(flex_attention)
    mask = None
    score = None
    if name == "causal":
        mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, s, s, device=device)
    if name == "alibi":
        mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, s, s, device=device)
        slopes = torch.exp2(-torch.arange(1, 17, device=device) * 0.5)
        score = lambda x, b, h, i, j: x + slopes[h] * (j - i)  # noqa: E731
    if name == "softcap":
        score = lambda x, b, h, i, j: 20 * torch.tanh(x / 20)  # noqa: E731
    return lambda q, k, v, *rest: compiled(q, k, v, score_mod=score, block_mask=mask)


def milliseconds(f: Callable[[], object]) -> float:
    return float(triton.testing.do_bench(f, warmup=50, rep=200, return_mode="median"))


def error(ours: torch.Tensor, eager: torch.Tensor, reference: torch.Tensor) -> dict[str, float]:
    """Claim 1: mean and largest error against float64, ours over eager's."""
    a, b = (ours.double() - reference).abs(), (eager.double() - reference).abs()
    return {"mean": a.mean().item(), "max": a.max().item(), "mean_ratio": (a.mean() / b.mean()).item(),
            "max_ratio": (a.max() / b.max()).item()}  # fmt: skip


def peak(f: Callable[[], object]) -> float:
    """Mebibytes that a call allocates at most, beyond what is there."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    f()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def measure(name: str, args: Tensors, peers: dict[str, Callable[..., object]]) -> dict[str, object]:
    """One row: errors on a slice, then times of ours and its peers in the same run."""
    f = next(p.function for p in programs() if p.name == name)
    start = time.perf_counter()
    program = flashlight_mlir.compile(f, *args)
    row: dict[str, object] = {"compile_s": time.perf_counter() - start, "kernels": len(program.kernels)}
    few = tuple(a[:1].clone() if a.dim() >= 4 else a for a in args)
    try:
        wide = tuple(a.double() if a.is_floating_point() else a for a in few)
        row |= error(program(*args)[:1], f(*few)[:1], f(*wide)[:1])
    except RuntimeError as e:
        row["not_checked"] = str(e)[:60]
    row["ours"], row["ours_MiB"] = milliseconds(lambda: program(*args)), peak(lambda: program(*args))
    compiled = torch.compile(f)
    for title, peer in {"eager": f, "inductor": compiled, **peers}.items():
        try:
            row[title] = milliseconds(functools.partial(peer, *args))
            row[f"{title}_MiB"] = peak(functools.partial(peer, *args))
        except Exception as e:  # a peer that cannot run is a row without its column
            row[title] = str(e)[:60]
    return row


def cases(lengths: Sequence[int]) -> Iterator[tuple[str, str, Tensors, dict[str, Callable[..., object]]]]:
    """Name, shape, inputs and the peers beyond eager and torch.compile."""
    make = functools.partial(torch.randn, device="cuda", dtype=torch.bfloat16)
    for d in (64, 128):
        for s in lengths:
            q, k, v = (make(16384 // s, 16, s, d) for _ in range(3))
            for name in ("full", "causal", "alibi", "softcap"):
                extra = (torch.exp2(-0.5 * torch.arange(1, 17, device="cuda")),) if name == "alibi" else ()
                peers: dict[str, Callable[..., object]] = {"flex": flex(name, s, d, "cuda")}
                if name in ("full", "causal"):
                    peers["cudnn"] = functools.partial(cudnn, causal=name == "causal")
                yield name, f"d={d} S={s}", (q, k, v, *extra), peers
    for name, sizes in (
        ("differential", {"batch": 4, "heads": 16, "length": 4096, "d": 64}),
        ("evoformer", {"batch": 8, "rows": 256, "heads": 4, "length": 256, "d": 64}),
        ("gqa_expand", {"batch": 4, "kv_heads": 2, "groups": 8, "length": 4096, "d": 64}),
        ("cross_entropy", {"tokens": 4096, "d": 1024, "vocabulary": 32000}),
        ("row_softmax", {"rows": 16384, "length": 4096}),
        ("layer_norm", {"rows": 16384, "length": 4096}),
    ):
        inputs = next(p.inputs for p in programs() if p.name == name)(dtype=torch.bfloat16, **sizes)
        yield name, " ".join(f"{k}={v}" for k, v in sizes.items()), tuple(x.cuda() for x in inputs), {}


def cudnn(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="S = 4096 only")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
    rows: list[dict[str, object]] = []
    for name, shape, args, peers in cases((4096,) if options.quick else (4096, 16384)):
        row: dict[str, object] = {"program": name, "shape": shape}
        try:
            row |= measure(name, args, peers)
        except Exception:  # one program's failure is a row of the table, not the end of the run
            row["failed"] = traceback.format_exc()[-400:]
        rows.append(row)
        torch.cuda.empty_cache()
        print({k: round(v, 3) if isinstance(v, float) and math.isfinite(v) else v for k, v in row.items()}, flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
