"""A region's file, and a program's, runs alone: it imports torch and Triton only, agrees with eager, and says so where it does not."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from programs import programs

import flashlight_mlir
from flashlight_mlir.bridge.explain import explain

H = torch.float16


def causal(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    i, j = torch.arange(q.shape[-2])[:, None], torch.arange(k.shape[-2])[None, :]
    return torch.relu(torch.softmax(scores.masked_fill(j > i, float("-inf")), dim=-1) @ v)


def biased(q, k, v, bias, keep):
    scores = q @ k.transpose(-1, -2) + bias
    return torch.tanh(torch.softmax(torch.where(keep, scores, torch.finfo(scores.dtype).min), dim=-1) @ v)


def two_regions_apart(x, w):
    a = torch.log_softmax(x @ w.transpose(-1, -2), dim=-1).sum(-1)
    return torch.cumsum(a, -1) + torch.log_softmax(x @ w.transpose(-1, -2) * 2, dim=-1).amax(-1)


def randn(*shape: int, dtype: torch.dtype = H) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype)


def heads_last(b: int, s: int, h: int, d: int) -> torch.Tensor:
    return randn(b, s, h, d).transpose(1, 2)


CASES: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...], bool]] = {
    "causal": (causal, (randn(1, 2, 70, 32), randn(1, 2, 70, 32), randn(1, 2, 70, 32)), False),
    "dynamic": (causal, (heads_last(2, 40, 3, 16), heads_last(2, 40, 3, 16), heads_last(2, 40, 3, 16)), True),
    "biased": (
        biased,
        (randn(1, 4, 33, 16), randn(1, 4, 33, 16), randn(1, 4, 33, 16), randn(33, 1).expand(33, 33), torch.ones(33, 33) > 0),
        False,
    ),
    "two": (two_regions_apart, (randn(2, 48, 32), randn(2, 56, 32)), False),
}


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "region.py"
    path.write_text(text)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"TRITON_INTERPRET": "1"}
    return subprocess.run([sys.executable, path], capture_output=True, text=True, env=env, cwd=folder)


def imported(text: str) -> set[str]:
    tree = ast.walk(ast.parse(text))
    names = [n for node in tree for n in ([a.name for a in node.names] if isinstance(node, ast.Import) else
                                          [node.module or ""] if isinstance(node, ast.ImportFrom) else [])]  # fmt: skip
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("name", CASES)
def test_it_agrees_with_eager(name: str, tmp_path: Path) -> None:
    f, inputs, dynamic = CASES[name]
    report = explain(f, target="sm_90", dynamic=dynamic)(*inputs)
    assert report.regions
    for region in report.regions:
        assert imported(region.file) == {"inspect", "sys", "torch", "triton"}
        done = run(region.file, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"result 0: .* ok\n", done.stdout)


def test_sizes_are_read_off_the_inputs(tmp_path: Path) -> None:
    """A dynamic region's file holds for other sizes: only ``examples`` knows the example's."""
    f, inputs, _ = CASES["dynamic"]
    (region,) = explain(f, target="sm_90", dynamic=True)(*inputs).regions
    assert re.search(r"z0 = x\d\.shape\[\d\]", region.file)
    longer = region.file.replace("[2, 3, 40, 16]", "[2, 3, 77, 16]").replace("[1920, ", f"[{77 * 48}, ")
    assert longer.count("77") >= 3
    done = run(longer, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[2, 3, 77, 16]" in done.stdout


def test_it_says_where_it_is_wrong(tmp_path: Path) -> None:
    f, inputs, dynamic = CASES["causal"]
    (region,) = explain(f, target="sm_90", dynamic=dynamic)(*inputs).regions
    changed = region.file.replace("aten.relu(", "aten.abs(")
    assert changed != region.file
    done = run(changed, tmp_path)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


@pytest.mark.parametrize(
    "evil", ["\u202e\x07 import os; os.abort() .py", "a\nimport os; os.abort()\n.py", "\u2028import os; os.abort()"]
)
def test_a_user_s_names_stay_comments(evil: str) -> None:
    source = "def f(q, k, v):\n    return torch.relu(torch.softmax(q @ k.transpose(-1, -2), -1) @ v)\n"
    space: dict[str, Any] = {"torch": torch}
    exec(compile(source, evil, "exec"), space)
    (region,) = explain(space["f"], target="sm_90")(*CASES["causal"][1]).regions
    assert imported(region.file) == {"inspect", "sys", "torch", "triton"}
    assert all(c.isprintable() or c == "\n" for c in region.file)
    assert all(line.startswith("    # ") for line in region.file.splitlines() if "abort" in line)
    assert ("abort" in region.file) == ("\x07" in evil)  # a frame whose file spans lines is none


def merged(x, k):
    """Batches and heads are one axis between the products: a size that no input has."""
    p = torch.softmax(torch.einsum("bhid,bhjd->bhij", x, k), -1)
    return torch.relu(p.flatten(0, 1).sigmoid() @ k.flatten(0, 1))


def test_a_derived_size_is_computed(tmp_path: Path) -> None:
    (region,) = explain(merged, target="sm_90", dynamic=True)(randn(2, 3, 40, 16), randn(2, 3, 40, 16)).regions
    other = region.file.replace("example([2, 3, ", "example([4, 3, ")
    assert other != region.file
    done = run(other, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "result 0: [12, 40, 16]" in done.stdout


def looked_up(q, k, v, table, ids):
    """A product that torch computes between two kernels, positions, and a constant of the program."""
    bias = table[ids] * torch.tensor([0.5, 2.0, 1.0]).repeat(5)
    s = (q @ k.mT + bias).softmax(-1) @ v.float()
    return s, torch.sort(s, -1).values.logsumexp(-1)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...]]] = {
    p.name: (p.function, p.inputs(dtype=H)) for p in programs() if p.name in ("cross_entropy", "lse_entropy")
} | {"looked_up": (looked_up, (randn(9, 8), randn(15, 8), randn(15, 8), randn(4, 15), torch.tensor([1, 0, 1] * 3)))}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_one_too(name: str, tmp_path: Path) -> None:
    f, inputs = PROGRAMS[name]
    program = flashlight_mlir.compile(f, *inputs, target="sm_90")
    text = program.file(*inputs)
    assert imported(text) == {"inspect", "sys", "torch", "triton"}
    done = run(text, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = f(*inputs)
    assert done.stdout.count(" ok\n") == (len(results) if isinstance(results, tuple) else 1)
    wrong = run(text.replace("aten.exp(", "aten.sin("), tmp_path)
    assert wrong.returncode == 1
    assert "WRONG" in wrong.stdout
