"""One process that compiles and runs a program, as ``python tests/bridge_process.py '{"options": …}'``; its last line is JSON.

tests/test_bridge_cache.py starts it again and again with one cache folder.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

os.environ["TRITON_INTERPRET"] = "1"

import torch
from bridge import compiled, qkv, softcap
from torch._dynamo.utils import counters

from flashlight_mlir.bridge import graph_pass
from flashlight_mlir.bridge.graph_pass import COUNTERS
from flashlight_mlir.runtime.launch import Launcher


def count(cls: type, name: str, calls: list[str]) -> None:
    inner = getattr(cls, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return inner(*args, **kwargs)

    setattr(cls, name, counted)


def main(
    *, options: dict[str, Any], source: str, precision: str, lengths: list[int], load: str, save: str, largest: int
) -> dict[str, Any]:
    """``source`` stands for another version of ours; ``load`` and ``save`` are files of ``torch.compiler``'s artifacts.

    No file may have more than ``largest`` bytes: the disk is full then.
    """
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    passes, launches = list[str](), list[str]()
    count(graph_pass.FusePass, "__call__", passes)
    count(Launcher, "__call__", launches)
    if source:
        graph_pass.sources = lambda: source
    torch.backends.cuda.matmul.fp32_precision = precision
    if load:
        torch.compiler.load_cache_artifacts(Path(load).read_bytes())
    run = compiled(softcap, options=options)
    worst = 0.0
    for length in lengths:
        inputs = qkv(length)
        worst = max(worst, (run(*inputs) - softcap(*inputs)).abs().max().item())
    if save:
        artifacts = torch.compiler.save_cache_artifacts()
        assert artifacts is not None
        Path(save).write_bytes(artifacts[0])
    inductor = counters["inductor"]
    return {
        "passes": len(passes),
        "regions": counters[COUNTERS]["regions"],
        "launches": len(launches),
        "hits": inductor["fxgraph_cache_hit"] + counters["aot_autograd"]["autograd_cache_hit"],
        "bypasses": inductor["fxgraph_cache_bypass"] + counters["aot_autograd"]["autograd_cache_bypass"],
        "worst": worst,
    }


if __name__ == "__main__":
    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    default = {"options": {}, "source": "", "precision": "ieee", "lengths": [19], "load": "", "save": "", "largest": 0}
    print(json.dumps(main(**{**default, **given})))
