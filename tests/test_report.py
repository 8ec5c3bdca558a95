"""What people see of a compiled graph: the numbers are exact, equal refusals are grouped, pages are readable and escaped."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from bridge import precision

from flashlight_mlir.bridge.explain import explain
from flashlight_mlir.bridge.findings import Refusal, RegionReport
from flashlight_mlir.bridge.report import Report
from flashlight_mlir.diagnostics import Remark
from flashlight_mlir.program import Kernel

H = torch.float16
ROOT = Path(__file__).parent.parent


def softmax_product(q, k, v):
    return torch.softmax(q @ k.transpose(-1, -2), -1) @ v + 1.0


def inputs(b: int, h: int, s: int, t: int, d: int, e: int, dtype: torch.dtype = H) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(shape, dtype=dtype) for shape in ((b, h, s, d), (b, h, t, d), (b, h, t, e)))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(("dtype", "width"), [(torch.float16, 2), (torch.float32, 4)])
def test_bytes_and_flops_are_the_example_s(dynamic: bool, dtype: torch.dtype, width: int) -> None:
    b, h, s, t, d, e = 2, 3, 70, 90, 32, 16
    with precision("tf32"):
        (region,) = explain(softmax_product, target="sm_90", dynamic=dynamic)(*inputs(b, h, s, t, d, e, dtype)).regions
    assert region.flops == 2 * b * h * s * t * (d + e)
    scores, output = b * h * s * t * width, b * h * s * e * width
    assert region.bytes_saved == 2 * scores + output  # the scores, their softmax, and the product before 1 is added


def test_a_region_tells_its_lines_kernels_and_ir() -> None:
    (region,) = explain(softmax_product, target="sm_90")(*inputs(1, 2, 70, 70, 32, 32)).regions
    first = softmax_product.__code__.co_firstlineno
    assert region.lines == (f"tests/test_report.py:{first + 1}",)
    (kernel,) = region.kernels
    assert "@triton.jit" in kernel.source
    assert kernel.source in region.file or kernel.source.rpartition("@triton.jit")[2] in region.file
    assert {how.partition(", ")[2].split()[0] for how in kernel.dims.values()} == {"grid", "stream", "whole"}
    assert list(region.ir) == ["import", "fuse", "tile", "lower"]
    assert "block.kernel" in region.ir["lower"]


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = torch.nn.Linear(32, 32, dtype=H)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = self.project(x)
        return self.project(torch.softmax(q @ q.transpose(-1, -2), -1) @ q)


def test_equal_refusals_are_one_line_and_equal_regions_one_region() -> None:
    with torch.no_grad():
        report = explain(torch.nn.Sequential(*(Layer() for _ in range(3))), target="sm_90")(torch.randn(2, 50, 32, dtype=H))
    (region,) = report.regions
    assert region.copies == 3
    text = str(report)
    assert text.startswith("3 regions fused into 1 kernel; ")
    assert "  3 × tests/test_report.py:" in text
    assert text.count("a product of all batches with one matrix") == len({r.op for r in report.refusals})
    assert all(len(line) <= 120 for line in text.splitlines())


REFUSED: list[tuple[Any, tuple[torch.Tensor, ...], str, str]] = [
    (
        lambda q, k, v: torch.softmax(torch.cumsum(q @ k.mT, -1), -1) @ v, inputs(1, 1, 40, 40, 32, 32), "no rule knows aten.cumsum",
        "docs/add-an-op.md says how an op is added",
    ),
    (
        lambda q, k, v: torch.softmax((q @ k.mT).double(), -1).to(H) @ v, inputs(1, 1, 40, 40, 32, 32), "values of torch.float64",
        "compute in float32, float16 or bfloat16",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("f", "args", "reason", "hint"), REFUSED, ids=["unknown op", "double"])
def test_a_refusal_has_op_place_reason_and_hint(f: Any, args: tuple[torch.Tensor, ...], reason: str, hint: str) -> None:
    refusals = [r for r in explain(f, target="sm_90")(*args).refusals if reason in r.reason and r.hint == hint]
    assert refusals
    assert (refusals[0].location or "").startswith("tests/test_report.py:")
    assert f"hint: {hint}" in str(Report([], refusals))


def test_f32_is_left_where_a_library_is_faster() -> None:
    """With the numbers, and what would change them."""
    with precision("ieee"):
        refusals = explain(softmax_product, target="sm_90")(*inputs(4, 16, 64, 64, 128, 128, torch.float32)).refusals
    (refusal,) = [r for r in refusals if r.reason.startswith("f32 products without tensor cores: fused ")]
    assert 'fp32_precision = "tf32"' in (refusal.hint or "")


def test_a_graph_with_a_backward_says_what_to_do() -> None:
    q, k, v = (x.requires_grad_() for x in inputs(1, 1, 40, 40, 32, 32, torch.float32))
    (refusal,) = explain(softmax_product, target="sm_90")(q, k, v).refusals
    assert "backward" in refusal.reason
    assert "torch.no_grad()" in (refusal.hint or "")


EVIL = "<script>alert(1)</script>\x1b[31m\u202e\n"


def evil_report() -> Report:
    kernel = Kernel(EVIL, EVIL, {EVIL: EVIL})
    region = RegionReport((f"{EVIL}:1",), (kernel,), 1, 1, {EVIL: EVIL}, (Remark("r", EVIL, EVIL, refused=True),), EVIL, 2)
    return Report([region], [Refusal(EVIL, EVIL, EVIL, EVIL)])


def test_pages_are_escaped() -> None:
    report = evil_report()
    for text in (str(report), str(report.regions[0]), str(report.refusals[0])):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert "<script" not in report._repr_html_()


def test_the_notebook_s_page_unfolds() -> None:
    report = explain(softmax_product, target="sm_90")(*inputs(1, 2, 70, 70, 32, 32))
    page = report._repr_html_()
    assert page.count("<details") == page.count("</details>") >= 6
    assert "<summary>Triton: k0</summary>" in page
    assert "<summary>IR: lower</summary>" in page


TRACED = """
import torch
from flashlight_mlir.bridge.backend import flashlight

def f(q, k, v):
    return torch.softmax(q @ k.transpose(-1, -2), -1) @ v + torch.cumsum(q.sum(-1, keepdim=True), 1)

with torch.no_grad():
    torch.compile(f, backend=flashlight)(*(torch.randn(1, 1, 40, 32, dtype=torch.float16) for _ in range(3)))
"""


def test_tlparse_finds_every_stage(tmp_path: Path) -> None:
    env = {**os.environ, "TRITON_INTERPRET": "1", "TORCH_TRACE": str(tmp_path), "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    env["TORCH_LOGS"] = "+flashlight_mlir"
    done = subprocess.run([sys.executable, "-c", TRACED], env=env, check=True, capture_output=True, text=True, cwd=ROOT)
    assert re.search(r"flashlight_mlir/bridge/graph_pass.py.*\] fused: ", done.stderr)
    assert re.search(r"aten.cumsum.default is left to Inductor: no rule knows aten.cumsum.default", done.stderr)
    (log,) = tmp_path.glob("*.log")
    found: dict[str, str] = {}
    name = None
    for line in log.read_text().splitlines():
        if line.startswith("V"):
            head = json.loads(line[line.index("{") :])
            name = head.get("artifact", {}).get("name")
        elif name is not None:
            found[name] = found.get(name, "") + line.removeprefix("\t") + "\n"
    ours = {n.removeprefix("flashlight_"): text for n, text in found.items() if n.startswith("flashlight_")}
    stages = [f"region_0_ir_{k}_{stage}" for k, stage in enumerate(("import", "fuse", "tile", "lower"))]
    assert set(ours) == {"report", *stages, "region_0_triton_k0", "region_0_file"}
    assert "1 region fused" in ours["report"]
    assert "loop.fold" in ours[stages[1]]
    assert "block.kernel" in ours[stages[3]]
    assert "@triton.jit" in ours["region_0_triton_k0"]


def norm_then_product(x, w):
    y = torch.nn.functional.layer_norm(x, x.shape[-1:])
    y = torch.tanh(y).sum(-1, keepdim=True) * y
    return torch.cumsum(y, -1) @ w


def test_a_refusal_names_the_op_that_its_reason_is_about() -> None:
    report = explain(norm_then_product, target="sm_90")(torch.randn(4, 40, 64, dtype=H), torch.randn(4, 64, 64, dtype=H))
    ops = {r.op.split(".")[1] for r in report.refusals if r.reason.startswith("reductions without")}
    assert ops
    assert not ops & {"mm", "bmm", "addmm"}
