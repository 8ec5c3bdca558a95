"""Time our kernels beside eager, torch.compile and FlexAttention, and check them against float64, on the GPU at hand.

    python benchmarks/peers.py [--quick] [--json FILE]

bf16 forward, B·S = 16384, 16 heads. Every time is a median of CUDA-event timings in the same run; read the ratios.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
import triton.testing
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


def measure(name: str, f: Callable[..., torch.Tensor], s: int, d: int, extra: Tensors) -> dict[str, object]:
    torch.manual_seed(0)
    q, k, v = (torch.randn(16384 // s, 16, s, d, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    args = (q, k, v, *extra)
    row: dict[str, object] = {"program": name, "s": s, "d": d}
    program = flashlight_mlir.compile(f, *args)
    ours, eager = program(*args), f(*args)
    few = tuple(a[:1, :2].double() if a.dim() == 4 else a[:2].double() for a in args)
    row |= error(ours[:1, :2], eager[:1, :2], f(*few))
    row["kernels"] = len(program.kernels)
    row["ours"] = milliseconds(lambda: program(*args))
    row["eager"] = milliseconds(lambda: f(*args))
    inductor = torch.compile(f)
    row["inductor"] = milliseconds(lambda: inductor(*args))
    peer = flex(name, s, d, "cuda")
    row["flex"] = milliseconds(lambda: peer(*args))
    flops = 4 * 16384 * s * d * 16 * (0.5 if name in ("causal", "alibi") else 1)
    ms = row["ours"]
    assert isinstance(ms, float)
    row["tflops"] = flops / ms / 1e9
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="S = 4096 only")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
    rows: list[dict[str, object]] = []
    for d in (64, 128):
        for s in (4096,) if options.quick else (4096, 16384):
            for name in ("full", "causal", "alibi", "softcap"):
                f = next(p.function for p in programs() if p.name == name)
                extra = (torch.exp2(-0.5 * torch.arange(1, 17, device="cuda")),) if name == "alibi" else ()
                try:
                    rows.append(measure(name, f, s, d, extra))
                except Exception:  # one program's failure is a row of the table, not the end of the run
                    rows.append({"program": name, "s": s, "d": d, "failed": traceback.format_exc()[-400:]})
                torch.cuda.empty_cache()
                print({k: round(v, 3) if isinstance(v, float) and math.isfinite(v) else v for k, v in rows[-1].items()}, flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
