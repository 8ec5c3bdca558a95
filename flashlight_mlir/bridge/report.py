"""What became of a graph: its regions, and each refusal with the op, its source line, the reason and a hint."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

from flashlight_mlir.diagnostics import Remark, one_line
from flashlight_mlir.program import Kernel


@dataclass(frozen=True)
class Refusal:
    """``op`` was left to Inductor."""

    op: str
    location: str | None
    reason: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        hint = f" (hint: {self.hint})" if self.hint else ""
        return one_line(f"{place}{self.op} is left to Inductor: {self.reason}{hint}")


@dataclass(eq=False)
class RegionReport:
    """A region that became kernels."""

    lines: tuple[str, ...]
    """The user's lines that it covers."""
    kernels: tuple[Kernel, ...]
    bytes_saved: int
    """Bytes of tensors that are never stored."""
    flops: int
    ir: Mapping[str, str]
    remarks: tuple[Remark, ...] = ()
    file: str = ""
    """A Python file that runs alone: kernels, their launch, the same in eager PyTorch, and a check."""
    copies: int = 0
    """Regions of the graph that share these kernels."""

    def __str__(self) -> str:
        lines = [f"{len(self.kernels)} kernel{'s' * (len(self.kernels) != 1)} for {', '.join(self.lines) or 'unknown lines'}"]
        for kernel in self.kernels:
            lines.append("    @" + kernel.name + ": " + "; ".join(f"{d} = {how}" for d, how in kernel.dims.items()))
        lines.append(f"    {self.bytes_saved / 2**20:.1f} MiB never stored, {self.flops / 1e9:.3g} GFLOP")
        return "\n".join(lines)


@dataclass
class Report:
    """All regions and refusals of one graph, or of all graphs of a function."""

    regions: list[RegionReport] = field(default_factory=list[RegionReport])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def __str__(self) -> str:
        n, m = sum(r.copies for r in self.regions), len(self.refusals)
        lines = [f"{n} region{'s' * (n != 1)} fused, {m} refusal{'s' * (m != 1)}"]
        lines += [f"  {r}" + (f"\n    the same kernels serve {r.copies} regions" if r.copies > 1 else "") for r in self.regions]
        return "\n".join(lines + [f"  {r}" for r in self.refusals])

    __repr__ = __str__

    def add(self, other: Report) -> None:
        """The regions and refusals of one more graph."""
        self.regions += other.regions
        self.refusals += other.refusals

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
