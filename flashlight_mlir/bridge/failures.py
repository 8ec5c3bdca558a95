"""A failure of ours is a refusal with op, source line, reason and a file that shows it again; ``strict`` raises it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from flashlight_mlir.bridge.findings import GRAPH, Refusal
from flashlight_mlir.bridge.regions import Region, location
from flashlight_mlir.bridge.report import Report
from flashlight_mlir.bridge.reproducer import reproducer
from flashlight_mlir.diagnostics import CompileError

log = logging.getLogger(__name__)


@dataclass
class Failures:
    """The failures in one graph: what fails the same way again (in each of 24 layers, say) is written once."""

    report: Report
    strict: bool
    seen: dict[str, str | None] = field(default_factory=dict[str, str | None])

    def add(self, error: Exception, region: Region | None, target: str) -> None:
        """``region`` is left to Inductor, or the whole graph; RuntimeError if ``strict``."""
        op, place = (str(region.members[-1].target), location(region.members[-1])) if region else (GRAPH, None)
        if isinstance(error, CompileError):  # the importer says what it cannot take
            self.report.refusals.append(Refusal(op, error.location or place, error.message))
            return
        reason = f"{type(error).__name__}: {error}"
        if reason not in self.seen:
            self.seen[reason] = reproducer(region, target) if region else None
        hint = f"the reproducer is {path}" if (path := self.seen[reason]) else "please report it"
        refusal = Refusal(op, place, reason, hint, failed=True)
        self.report.refusals.append(refusal)
        log.debug("%s", refusal, exc_info=error)
        if self.strict:
            raise RuntimeError(str(refusal)) from error
