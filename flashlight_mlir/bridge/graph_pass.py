"""The pass at Inductor's hook: fuses the graph, counts, logs, and identifies itself to torch's caches."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
import triton  # pyright: ignore[reportMissingTypeStubs]
import xdsl
from torch._dynamo.utils import counters
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch.fx import Graph

from flashlight_mlir.bridge.artifacts import write_artifacts
from flashlight_mlir.bridge.findings import GRAPH, Refusal
from flashlight_mlir.bridge.fuse_graph import fuse_graph
from flashlight_mlir.bridge.options import Options, target_at_hand
from flashlight_mlir.bridge.report import Report

log = logging.getLogger(__name__)
COUNTERS = "flashlight_mlir"
listeners: list[Callable[[Report], None]] = []
"""Each is told of every graph's report: what ``explain``, a test or a benchmark wants to know."""


@cache
def sources() -> str:
    """A digest of our own code: another version of us is another pass."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class FusePass(CustomGraphPass):
    """``options`` are ours; ``then`` is a pass of the user's, run after."""

    def __init__(self, options: Options, then: Any = None):
        self.options, self.then = options, then

    def __call__(self, graph: Graph) -> None:
        report = Report()
        try:
            report = fuse_graph(graph, self.options, any_device=os.environ.get("TRITON_INTERPRET") == "1")
        except Exception as error:
            if self.options.strict:
                raise
            report.refusals.append(Refusal(GRAPH, None, f"{type(error).__name__}: {error}", failed=True))
            log.debug("the error", exc_info=True)
        note(report)
        if self.then is not None:
            self.then(graph)

    def uuid(self) -> Any:
        """Whatever changes our result: sources, versions, options, the GPU, torch's f32 precision."""
        then = "" if self.then is None else self.then.uuid() if isinstance(self.then, CustomGraphPass) else None
        if then is None:  # a pass that does not say what it is: nothing is cached
            return None
        precision = torch.backends.cuda.matmul.fp32_precision
        target = self.options.target or target_at_hand()
        interpreted = os.environ.get("TRITON_INTERPRET")
        parts = (
            sources(),
            torch.__version__,
            triton.__version__,
            str(xdsl.__version__),
            self.options,
            target,
            precision,
            interpreted,
            then,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def note(report: Report) -> None:
    """Count regions and refusals, and log each once: a failure as a warning."""
    counters[COUNTERS]["regions"] += sum(r.copies for r in report.regions)
    counters[COUNTERS]["kernels"] += sum(len(r.kernels) * r.copies for r in report.regions)
    counters[COUNTERS]["refusals"] += len(report.refusals)
    write_artifacts(report)
    for listener in listeners:
        listener(report)
    for region in report.regions:
        log.info("fused: %s", region)
    for refusal in dict.fromkeys(report.refusals):
        log.log(logging.WARNING if refusal.failed else logging.INFO, "%s", refusal)
