"""What tlparse shows of us: a region's IR at each stage, its kernels and its file, and the graph's report, in ``TORCH_TRACE``."""

from __future__ import annotations

from functools import partial

from torch._logging._internal import trace_structured_artifact

from flashlight_mlir.bridge.report import Report

PREFIX = "flashlight"


def write_artifacts(report: Report) -> None:
    """Nothing is done unless ``TORCH_TRACE`` is set."""
    artifact("report", report)
    for k, region in enumerate(report.regions):
        for number, (stage, text) in enumerate(region.ir.items()):
            artifact(f"region_{k}_ir_{number}_{stage}", text)
        for kernel in region.kernels:
            artifact(f"region_{k}_triton_{kernel.name}", kernel.source)
        artifact(f"region_{k}_file", region.file)


def artifact(name: str, value: object) -> None:
    """Its text, if somebody reads the trace."""
    trace_structured_artifact(f"{PREFIX}_{name}", "string", partial(str, value))
