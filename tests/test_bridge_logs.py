"""Many shapes and variants in one process leave nothing; what is logged is what is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from soak import Left, left, rounds

from flashlight_mlir.bridge.graph_pass import COUNTERS
from flashlight_mlir.export.op import launcher

HERE = Path(__file__).parent


def test_nothing_of_ours_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No object, no entry of a container, no file: kernels apart, of which a process keeps a number that is bounded."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fused, found = [rounds(8)], list[Left]()
    for start in (8, 16):
        fused.append(rounds(8, start=start))
        launcher.cache_clear()
        found.append(left())
    assert min(fused) > 4
    assert launcher.cache_info().maxsize
    assert not found[1].objects - found[0].objects
    assert not found[1].entries - found[0].entries
    assert not list(tmp_path.iterdir())


LOGGED = """
import torch
from bridge import compiled, qkv, softcap
from torch._dynamo.utils import counters
compiled(softcap)(*qkv())
compiled(lambda x: torch.cumsum(x, 0))(torch.ones(3))
print(dict(counters["%s"]))
"""


@pytest.mark.parametrize("logs", ["+flashlight_mlir", ""])
def test_torch_logs_show_ours(logs: str) -> None:
    env = {**os.environ, "TORCH_LOGS": logs, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]), "TRITON_INTERPRET": "1"}
    if not logs:
        del env["TORCH_LOGS"]
    env["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    done = subprocess.run([sys.executable, "-c", LOGGED % COUNTERS], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert "'regions': 1, 'kernels': 1, 'refusals': 1" in done.stdout
    assert ("fused: " in done.stderr) == ("no contraction or reduction follows another" in done.stderr) == bool(logs)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so_and_launches_are_counted() -> None:
    code = """
import sys, torch
from torch._dynamo.utils import counters
from flashlight_mlir.bridge.backend import flashlight
q = torch.randn(1, 2, 20, 16)
def f(q): return torch.softmax(torch.tanh(q @ q.mT), -1) @ q
with torch.no_grad():
    for n in (20, 30):
        torch._dynamo.reset()
        torch.compile(f, backend=flashlight)(torch.randn(1, 2, n, 16))
print(counters["flashlight_mlir"]["launches"])
"""
    for interpret, said, launches in (("0", 1, "0"), ("1", 0, "2")):
        env = {**os.environ, "TRITON_INTERPRET": interpret, "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
        assert done.stdout.strip() == launches
        assert done.stderr.count("there is no GPU") == said
