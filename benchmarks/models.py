"""Whole models with random weights, in their eager form, through ``torch.compile(model, backend="flashlight")``.

    python benchmarks/models.py [--only NAME] [--json FILE]

bf16, forward, on the GPU at hand: fused regions and refusals, error against float64 beside eager's, time beside plain
torch.compile and beside the model's SDPA form, and cold compile time. Needs transformers.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
import triton.testing
from torch._dynamo.utils import counters

import flashlight_mlir.bridge.graph_pass as graph_pass
from flashlight_mlir.bridge.backend import flashlight
from flashlight_mlir.bridge.report import Report

sys.path.insert(0, str(Path(__file__).parent))
from exclusive import exclusive
from peers import peak

Config = dict[str, Any]
LLAMA = {"hidden_size": 4096, "intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 1000}
GEMMA = {"hidden_size": 2304, "intermediate_size": 4608, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 1000}  # fmt: skip
TINY = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100}
MODELS: dict[str, tuple[str, Config, int, int]] = {
    "llama-small": ("Llama", {**TINY, "num_hidden_layers": 2}, 2, 128),
    "llama": ("Llama", {**LLAMA, "num_hidden_layers": 2}, 2, 4096),
    "gemma2-small": ("Gemma2", {**TINY, "head_dim": 32, "num_hidden_layers": 2, "sliding_window": 32}, 2, 128),
    "gemma2": ("Gemma2", {**GEMMA, "num_hidden_layers": 2, "sliding_window": 1024}, 2, 4096),
    "bert-small": ("Bert", {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}, 2, 128),
    "bert": ("Bert", {"num_hidden_layers": 4}, 16, 512),
    "t5-small": ("T5", {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4, "vocab_size": 100}, 2, 128),
    "t5": ("T5", {"d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 2, "num_heads": 12, "vocab_size": 1000}, 8, 1024),
}
"""Name -> (family, configuration, batch, length)."""


def make(family: str, options: Config, attention: str) -> torch.nn.Module:
    torch.manual_seed(0)
    kinds: Any = transformers
    config = getattr(kinds, f"{family}Config")(**options, attn_implementation=attention)
    if hasattr(config, "use_cache"):
        config.use_cache = False
    return getattr(kinds, f"{family}Model")(config).eval()


def inputs(family: str, vocabulary: int, batch: int, length: int, device: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(0, vocabulary, (batch, length), device=device)
    mask = torch.ones_like(ids)
    mask[0, length - length // 8 :] = 0
    given = {"input_ids": ids, "attention_mask": mask}
    return {**given, "decoder_input_ids": ids} if family == "T5" else given


def hidden(model: Callable[..., Any], given: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return model(**given)[0]


def milliseconds(f: Callable[[], object]) -> float:
    return float(triton.testing.do_bench(f, warmup=50, rep=200, return_mode="median"))


def cold(model: torch.nn.Module, given: dict[str, torch.Tensor], **how: Any) -> tuple[Callable[..., Any], float]:
    """The compiled model, and seconds until its first result."""
    compiled: Any = torch.compile(model, **how)
    start = time.perf_counter()
    hidden(compiled, given)
    torch.cuda.synchronize()
    return compiled, time.perf_counter() - start


def measure(family: str, options: Config, batch: int, length: int) -> dict[str, Any]:
    torch._dynamo.reset()
    model = make(family, options, "eager").cuda().to(torch.bfloat16)
    given = inputs(family, options.get("vocab_size", 1000), batch, length, "cuda")
    seen: list[Report] = []
    graph_pass.listeners.append(seen.append)
    compiled, seconds = cold(model, given, backend=flashlight)
    graph_pass.listeners.remove(seen.append)
    refused = Counter(f"{r.op}: {r.reason}" for report in seen for r in report.refusals)
    row: dict[str, Any] = {
        "regions": counters[graph_pass.COUNTERS]["regions"], "kernels": counters[graph_pass.COUNTERS]["kernels"],
        "refusals": dict(refused), "compile_s": seconds,
    }  # fmt: skip
    counters.clear()
    ours = hidden(compiled, given)
    eager = hidden(model, given)
    kept = given["attention_mask"].bool() if family != "T5" else torch.ones_like(given["attention_mask"]).bool()
    reference = hidden(copy.deepcopy(model).double(), given)[kept]
    a, b = ((x[kept].double() - reference).abs() for x in (ours, eager))
    row |= {"mean_ratio": (a.mean() / b.mean()).item(), "max_ratio": (a.max() / b.max()).item(), "mean": a.mean().item()}
    del reference, ours, eager, a, b
    torch.cuda.empty_cache()
    forms: dict[str, Callable[..., Any]] = {"ours": compiled, "eager": model}
    forms["inductor"], row["inductor_compile_s"] = cold(model, given)
    try:
        forms["sdpa"], _ = cold(make(family, options, "sdpa").cuda().to(torch.bfloat16), given)
    except Exception as e:  # the family has no such form
        row["sdpa"] = str(e)[:80]
    with exclusive():
        row |= {name: milliseconds(lambda form=form: hidden(form, given)) for name, form in forms.items()}
        row |= {f"{name}_MiB": peak(lambda form=form: hidden(form, given)) for name, form in forms.items()}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names that contain this")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, transformers {transformers.__version__}")
    rows: list[dict[str, Any]] = []
    for name, (family, config, batch, length) in MODELS.items():
        if options.only and options.only not in name:
            continue
        row: dict[str, Any] = {"model": name, "batch": batch, "length": length}
        try:
            row |= measure(family, config, batch, length)
        except Exception:  # a failure is a row of the table
            row["failed"] = traceback.format_exc()[-800:]
        rows.append(row)
        torch.cuda.empty_cache()
        print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
