"""What became of a graph, as a page: plain text, or HTML for a notebook, where sources unfold.

1 region fused into 1 kernel; 12 ops left to Inductor

Fused
  model.py:41, 45
    @k0  b = 2, grid 1; i = 300, grid 128; j = 300, stream 64; d = 64, whole
    6.7 MiB never stored, 0.74 GFLOP in contractions

Left to Inductor
  12 × aten.mm, first at model.py:12
    a product of all batches with one matrix: a vendor's library has it
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, field

from flashlight_mlir.bridge.findings import GRAPH, Refusal, RegionReport, dims
from flashlight_mlir.bridge.words import count, place, times, wrapped
from flashlight_mlir.diagnostics import one_line


@dataclass(repr=False)
class Report:
    """All regions and refusals of one graph, or of all graphs of a function."""

    regions: list[RegionReport] = field(default_factory=list[RegionReport])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def add(self, other: Report) -> None:
        """The regions and refusals of one more graph."""
        self.regions += other.regions
        self.refusals += other.refusals

    @property
    def headline(self) -> str:
        regions, ops = sum(r.copies for r in self.regions), sum(r.op != GRAPH for r in self.refusals)
        kernels = count(sum(len(r.kernels) for r in self.regions), "kernel")
        fused = f"{count(regions, 'region')} fused into {kernels}" if regions else "nothing fused"
        return f"{fused}; {count(ops, 'op')} left to Inductor" if ops else fused

    def grouped(self) -> list[tuple[Refusal, int]]:
        """The first of equal refusals, places apart, and how many there are; the most frequent first."""
        first: dict[tuple[str, str], Refusal] = {}
        for refusal in self.refusals:
            first.setdefault((refusal.op, refusal.reason), refusal)
        counts = Counter((r.op, r.reason) for r in self.refusals)
        return [(first[key], n) for key, n in counts.most_common()]

    def __str__(self) -> str:
        lines = [self.headline]
        if self.regions:
            lines += ["", "Fused", *(f"  {line}" for region in self.regions for line in str(region).splitlines())]
        if self.refusals:
            lines += ["", "Left to Inductor"]
        for refusal, n in self.grouped():
            at = f", {'first ' * (n > 1)}at {place(refusal.location)}" if refusal.location else ""
            failed = " (an error of ours)" if refusal.failed else ""
            lines.append("  " + one_line(times(n) + refusal.op.removesuffix(".default") + at + failed))
            lines += wrapped(refusal.reason, "    ")
            lines += wrapped(f"hint: {refusal.hint}", "    ") if refusal.hint else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Regions that unfold to their kernels, IR and file, and a table of refusals."""
        parts = [f"<p><b>{_line(self.headline)}</b></p>", *map(_region, self.regions)]
        if self.refusals:
            head = "".join(f"<th>{title}</th>" for title in ("times", "left to Inductor", "first at", "reason", "hint"))
            parts.append(f"<table><tr>{head}</tr>{''.join(_row(r, n) for r, n in self.grouped())}</table>")
        return "".join(parts)


def _region(region: RegionReport) -> str:
    inner = "".join(f"<p><code>@{_line(k.name)}</code> {_line(dims(k))}</p>" for k in region.kernels)
    inner += "".join(_unfolds(f"Triton: {k.name}", k.source) for k in region.kernels)
    inner += "".join(_unfolds(f"IR: {stage}", ir) for stage, ir in region.ir.items())
    inner += _unfolds("a file that runs alone", region.file)
    title = _line(f"{region.title}: {region.saved}")
    return f"<details open><summary>{title}</summary><div style='margin-left: 2em'>{inner}</div></details>"


def _row(refusal: Refusal, n: int) -> str:
    op = f"<code>{_line(refusal.op)}</code>"
    cells = (str(n), op, _line(place(refusal.location)), _line(refusal.reason), _line(refusal.hint or ""))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _unfolds(title: str, source: str) -> str:
    return f"<details><summary>{_line(title)}</summary><pre>{html.escape(source)}</pre></details>"


def _line(line: str) -> str:
    return html.escape(one_line(line))
