"""The same source on every run: for 20 hash seeds, in other Python versions, and from the same function traced again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SEEDS = range(20)
MANY = ("causal", "cross_entropy", "differential", "gqa", "layer_norm_matmul")
PRINT = """
import json, sys
from pathlib import Path
from flashlight_mlir.backend.triton import print_module
from flashlight_mlir.diagnostics import collect, render
from flashlight_mlir.driver import parse, run_passes
out = {}
for path in sorted(Path("filecheck/programs").glob("*.mlir")):
    if len(sys.argv) > 1 and path.stem not in sys.argv[1:]:
        continue
    module = parse(path.read_text())
    with collect() as remarks:
        run_passes(module, ["fuse", "tile"])
        text = str(module)
        run_passes(module, ["lower"])
    out[path.stem] = [text, str(module), print_module(module), [render(r) for r in remarks]]
json.dump(out, sys.stdout)
"""
TRACE = """
import json, sys
sys.path.insert(0, "tests")
import torch, flashlight_mlir
from programs import programs
out = {}
for p in programs():
    if p.name in ("causal", "lse_entropy", "gqa_view"):
        torch.manual_seed(0)
        out[p.name] = flashlight_mlir.compile(p.function, *p.inputs()).ir
json.dump(out, sys.stdout)
"""


@cache
def run(script: str, seed: int, python: str = sys.executable, only: tuple[str, ...] = ()) -> dict[str, object]:
    env = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run([python, "-c", script, *only], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_hash_seeds() -> None:
    """Every level, the source and the remarks: some programs for 20 seeds, all of them for four."""
    expected = run(PRINT, 0)
    assert len(expected) == len(list((ROOT / "filecheck" / "programs").glob("*.mlir")))
    assert set(MANY) < expected.keys()
    with ThreadPoolExecutor(2) as pool:
        for seed, found in zip(SEEDS, pool.map(lambda s: run(PRINT, s, only=MANY if s > 3 else ()), SEEDS), strict=True):
            assert found == {name: expected[name] for name in found}, seed
            assert found


def test_hash_seeds_from_python() -> None:
    """The same from the function on: the import, and what every later level makes of it."""
    expected = run(TRACE, 0)
    assert len(expected) == 3
    for seed in (1, 2):
        assert run(TRACE, seed) == expected, seed


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_python_versions(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", "import xdsl, ordered_set"], capture_output=True).returncode:
        pytest.skip(f"no python{version} with xdsl on the PATH")
    assert run(PRINT, 0, python) == run(PRINT, 0)
