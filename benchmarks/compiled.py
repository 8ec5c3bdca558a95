"""Every program in examples/ through ``torch.compile(f, backend="flashlight")``, beside plain ``torch.compile``.

    python benchmarks/compiled.py [--dtype bfloat16] [--json FILE]

Regions or the reason why there is none, how far the results are apart, times in the same run, peak memory and cold compile
time, on the GPU at hand.
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
from peers import peak

from tests.programs import programs

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


def run(f: Callable[..., Any], args: tuple[Any, ...], **how: Any) -> tuple[dict[str, Any], Any]:
    torch._dynamo.reset()
    compiled: Any = torch.compile(f, **how)
    start = time.perf_counter()
    result = compiled(*args)
    torch.cuda.synchronize()
    first = time.perf_counter() - start
    return {"cold_s": first, "ms": milliseconds(lambda: compiled(*args)), "MiB": peak(lambda: compiled(*args))}, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--only", help="names that contain this")
    parser.add_argument("--lengths", default="4096", help="sequence lengths, with commas between; B·S = 16384")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}")
    rows: list[dict[str, Any]] = []
    for length in map(int, options.lengths.split(",")):
        for program in programs():
            if options.only and options.only not in program.name:
                continue
            sizes = OTHERS.get(program.name) or {
                k: v
                for k, v in {**SIZES, "length": length, "batch": 16384 // length}.items()
                if k in inspect.signature(program.inputs).parameters
            }
            row: dict[str, Any] = {"program": program.name, "length": length, "dtype": options.dtype}
            try:
                args = tuple(a.cuda() for a in program.inputs(dtype=getattr(torch, options.dtype), **sizes))
                seen: list[Report] = []
                graph_pass.listeners[:] = [seen.append]
                with torch.no_grad():
                    row["ours"], ours = run(program.function, args, backend=flashlight)
                    row["inductor"], theirs = run(program.function, args)
                    row["difference"] = difference(ours, theirs)
                    del ours, theirs
                row["regions"] = sum(r.copies for s in seen for r in s.regions)
                row["refusals"] = [str(r) for s in seen for r in s.refusals]
                row["ratio"] = row["ours"]["ms"] / row["inductor"]["ms"]
            except Exception:  # a failure is a row of the table
                row["failed"] = traceback.format_exc()[-800:]
            rows.append(row)
            torch.cuda.empty_cache()
            print(json.dumps(row), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
