"""A failure in any step of ours: the graph is as it was, results are eager's, one warning tells op, line, reason and reproducer."""

from __future__ import annotations

import importlib
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from bridge import assert_same, fused, qkv, regions, reports, softcap

from flashlight_mlir.bridge import graph_pass, reproducer
from flashlight_mlir.bridge.options import Options
from flashlight_mlir.diagnostics import CompileError

REGIONS = [("fuse_graph", "hoist_sizes"), ("fuse_graph", "find_regions")]
BEFORE = [("fuse_graph", "left"), ("fuse_graph", "specialize"), ("fuse_graph", "key_of"), ("pays", "module_of")]
BUILD = [("build", "import_nodes"), ("build", "run_passes"), ("build", "print_kernel"), ("build", "dims_of_kernel")]
TRACE = [("fuse_graph", "trace"), ("trace", "run_traced"), ("trace", "make_fx")]
SPLICE = [
    ("fuse_graph", "depends_on_itself"),
    ("fuse_graph", "splice"),
    ("splice", "_insert"),
    ("splice", "_stored"),
    ("fuse_graph", "lines_of"),
]
CASES = [*REGIONS, *BEFORE, *BUILD, *TRACE, *SPLICE]
KINDS = [RuntimeError("boom"), KeyError("boom"), AssertionError("boom"), RecursionError("boom")]


def sabotage(monkeypatch: pytest.MonkeyPatch, module: str, name: str, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(importlib.import_module(f"flashlight_mlir.bridge.{module}"), name, fail)
    importlib.import_module("flashlight_mlir.export.op").launcher.cache_clear()


@pytest.fixture(autouse=True)
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reproducer.tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Each graph as text, before and after our pass."""
    texts: list[tuple[str, str]] = []
    inner = graph_pass.fuse_graph

    def watched(graph: torch.fx.Graph, *args: Any, **kwargs: Any) -> Any:
        before = str(graph)
        try:
            return inner(graph, *args, **kwargs)
        finally:
            graph.lint()
            texts.append((before, str(graph)))

    monkeypatch.setattr(graph_pass, "fuse_graph", watched)
    return texts


@pytest.mark.parametrize(("module", "name"), CASES)
def test_failure_leaves_the_graph(
    module: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    graphs: list[tuple[str, str]],
) -> None:
    error = KINDS[CASES.index((module, name)) % len(KINDS)]
    inputs = qkv()
    sabotage(monkeypatch, module, name, error)
    with reports() as found, caplog.at_level(logging.INFO, "flashlight_mlir"):
        assert_same(fused(softcap)(*inputs), softcap(*inputs))
    assert regions(found) == 0
    assert [before for before, _ in graphs] == [after for _, after in graphs]
    (refusal,) = [r for report in found for r in report.refusals]
    assert refusal.failed
    assert "boom" in refusal.reason
    (warning,) = [r for r in caplog.records if "boom" in r.getMessage()]
    assert warning.levelno == logging.WARNING
    assert warning.getMessage() == str(refusal)
    if (module, name) not in REGIONS:
        assert re.match(r".*bridge\.py:\d+:\d+: aten\.bmm\.default is left to Inductor", str(refusal))
    assert len(list(tmp_path.glob("flashlight-*.mlir"))) == ("reproducer" in str(refusal.hint))


@pytest.mark.parametrize(("module", "name"), [("fuse_graph", "find_regions"), ("build", "print_kernel"), ("splice", "_insert")])
def test_strict_raises_the_same_message(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = qkv()
    sabotage(monkeypatch, module, name, RuntimeError("boom"))
    with reports() as found:
        fused(softcap)(*inputs)
    message = re.sub(r"flashlight-\w+\.mlir", "PATH", str(found[0].refusals[0]))
    with reports(), pytest.raises(Exception, match="boom") as raised:
        fused(softcap, Options(strict=True))(*inputs)
    assert message in re.sub(r"flashlight-\w+\.mlir", "PATH", str(raised.value))


def test_what_the_importer_refuses_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sabotage(monkeypatch, "build", "import_nodes", CompileError("no rule for this", "model.py:3:1"))
    with reports() as found:
        fused(softcap, Options(strict=True))(*qkv())
    assert str(found[0].refusals[0]) == "model.py:3:1: aten.bmm.default is left to Inductor: no rule for this"
    assert not list(tmp_path.iterdir())


def test_a_rule_is_no_failure() -> None:
    """``strict`` raises for errors of ours only."""
    inputs = [x[:, :, :0] for x in qkv()]
    with reports() as found:
        assert_same(fused(softcap, Options(strict=True))(*inputs), softcap(*inputs))
    (refusal,) = found[0].refusals
    assert refusal.reason == "it has an axis of length 0"
    assert not refusal.failed


def test_reproducer_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file shows the failure again: its first line is the command."""
    sabotage(monkeypatch, "build", "print_kernel", RuntimeError("boom"))
    with reports() as found:
        fused(softcap, dynamic=True)(*qkv())
    (path,) = tmp_path.glob("flashlight-*.mlir")
    assert found[0].refusals[0].hint == f"the reproducer is {path}"
    command = path.read_text().splitlines()[0].removeprefix("// RUN: flashlight-opt ").replace("%s", str(path)).split()
    done = subprocess.run(
        [sys.executable, "-m", "flashlight_mlir.tools.opt", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tl.store" in done.stdout


def test_same_failure_in_each_layer_is_written_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    calls: list[int] = []
    inputs = qkv()

    def fail(*_: Any, **__: Any) -> Any:
        calls.append(1)
        raise RuntimeError("boom")

    def layers(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            q = torch.cumsum(softcap(q, k, v), -1)
        return q

    monkeypatch.setattr("flashlight_mlir.bridge.build.print_kernel", fail)
    with reports() as found, caplog.at_level(logging.INFO, "flashlight_mlir"):
        assert_same(fused(layers)(*inputs), layers(*inputs), 1e-4)
    assert sum("boom" in r.reason for r in found[0].refusals) == 3
    assert sum("boom" in r.getMessage() for r in caplog.records) == 1
    assert len(list(tmp_path.iterdir())) == len(calls) == 1


def test_some_regions_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fused before stays, and counts."""
    inner, inputs = importlib.import_module("flashlight_mlir.bridge.fuse_graph"), qkv()
    splice, calls = inner.splice, list[int]()

    def every_other(*args: Any) -> Any:
        calls.append(1)
        if len(calls) % 2 == 0:
            raise RuntimeError("boom")
        return splice(*args)

    def layers(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            q = torch.cumsum(softcap(q, k, v), -1)
        return q

    monkeypatch.setattr(inner, "splice", every_other)
    with reports() as found:
        assert_same(fused(layers)(*inputs), layers(*inputs), 1e-4)
    assert regions(found) == 2
    assert len(calls) == 3


def test_a_failing_reproducer_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, "build", "import_nodes", RuntimeError("boom"))
    sabotage(monkeypatch, "reproducer", "import_nodes", RuntimeError("again"))
    with reports() as found:
        fused(softcap)(*qkv())
    assert found[0].refusals[0].hint == "please report it"
