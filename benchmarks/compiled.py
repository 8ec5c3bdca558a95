"""Every program in examples/ through ``torch.compile(f, backend="flashlight")``, beside plain ``torch.compile``.

    python benchmarks/compiled.py [--dtype bfloat16] [--lengths 4096] [--json FILE]

Regions or the reason why there is none, how far the results are apart, times in the same run, peak memory and cold compile
time (FlexAttention's too, where it has the program), on the GPU at hand.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import triton.testing

import flashlight_mlir.bridge.graph_pass as graph_pass
from flashlight_mlir.bridge.backend import flashlight
from flashlight_mlir.bridge.report import Report

sys.path.insert(0, str(Path(__file__).parent.parent))
from exclusive import exclusive
from peers import flex, peak

from tests.programs import Program, programs

FLEX = ("full", "causal", "alibi", "softcap")

SIZES: dict[str, int] = {"batch": 4, "heads": 16, "kv_heads": 2, "groups": 8, "length": 4096, "d": 64, "rows": 64,
                         "points": 8192, "others": 8192}  # fmt: skip
OTHERS: dict[str, dict[str, int]] = {
    "evoformer": {"batch": 4, "rows": 128, "heads": 4, "length": 256, "d": 64},
    "cross_entropy": {"tokens": 4096, "d": 1024, "vocabulary": 32000},
    "layer_norm": {"rows": 16384, "length": 4096},
    "layer_norm_matmul": {"rows": 16384, "length": 1024, "features": 1024},
    "logsumexp": {"rows": 16384, "length": 4096},
    "row_softmax": {"rows": 16384, "length": 4096},
    "variance": {"rows": 16384, "length": 4096},
}


def milliseconds(f: Callable[[], object]) -> float:
    return float(triton.testing.do_bench(f, warmup=30, rep=100, return_mode="median"))


def listed(x: Any) -> list[torch.Tensor]:
    return list(x) if isinstance(x, tuple | list) else [x]


def difference(a: Any, b: Any) -> float:
    """The largest difference of two results, relative to the largest value."""
    pairs = [(x.double(), y.double()) for x, y in zip(listed(a), listed(b), strict=True)]
    return max(((x - y).abs().max() / y.abs().max().clamp(min=1e-30)).item() for x, y in pairs)


def cold(f: Callable[..., Any], args: tuple[Any, ...], **how: Any) -> tuple[Callable[..., Any], Any, float]:
    """Compiled, its first result, and the seconds until then."""
    compiled: Any = torch.compile(f, **how)
    start = time.perf_counter()
    result = compiled(*args)
    torch.cuda.synchronize()
    return compiled, result, time.perf_counter() - start


def measure(program: Program, length: int, dtype: torch.dtype) -> dict[str, Any]:
    torch._dynamo.reset()
    names = inspect.signature(program.inputs).parameters
    wanted = {**SIZES, "length": length, "batch": 16384 // length}
    sizes = OTHERS.get(program.name) or {k: v for k, v in wanted.items() if k in names}
    args = tuple(a.cuda() for a in program.inputs(dtype=dtype, **sizes))
    seen: list[Report] = []
    graph_pass.listeners[:] = [seen.append]
    row: dict[str, Any] = {}
    ours, a, row["cold_s"] = cold(program.function, args, backend=flashlight)
    theirs, b, row["inductor_cold_s"] = cold(program.function, args)
    row["difference"] = difference(a, b)
    del a, b
    if program.name in FLEX:
        _, _, row["flex_cold_s"] = cold(flex(program.name, length, sizes["d"], "cuda"), args)
    with exclusive():
        row["ms"], row["inductor_ms"] = milliseconds(lambda: ours(*args)), milliseconds(lambda: theirs(*args))
        row["MiB"], row["inductor_MiB"] = peak(lambda: ours(*args)), peak(lambda: theirs(*args))
    row["ratio"] = row["ms"] / row["inductor_ms"]
    row["regions"] = sum(r.copies for s in seen for r in s.regions)
    row["refusals"] = [str(r) for s in seen for r in s.refusals]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--only", help="names that contain this")
    parser.add_argument("--lengths", default="4096", help="sequence lengths, with commas between; B·S = 16384")
    parser.add_argument("--part", default="0/1", help="k/n: every n-th case from the k-th, to compile in several processes")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
    part, parts = map(int, options.part.split("/"))
    small = tuple(torch.randn(1, 2, 128, 64, device="cuda", dtype=torch.float16) for _ in range(3))
    for f, how in ((torch.sub, {"backend": flashlight}), (flex("full", 128, 64, "cuda"), {})):  # imports are nobody's compile time
        cold(f, small[: 2 + (f is not torch.sub)], **how)
    rows: list[dict[str, Any]] = []
    lengths = map(int, options.lengths.split(","))
    cases = [(length, p) for length in lengths for p in programs() if not options.only or options.only in p.name]
    for length, program in cases[part::parts]:
        row: dict[str, Any] = {"program": program.name, "length": length, "dtype": options.dtype}
        try:
            with torch.no_grad():
                row |= measure(program, length, getattr(torch, options.dtype))
        except Exception:  # a failure is a row of the table
            row["failed"] = traceback.format_exc()[-800:]
        rows.append(row)
        torch.cuda.empty_cache()
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
