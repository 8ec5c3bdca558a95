"""A report as a page: plain text, or HTML for a notebook, where sources unfold.

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
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from flashlight_mlir.bridge.report import Refusal, RegionReport, Report, short
from flashlight_mlir.diagnostics import one_line
from flashlight_mlir.program import Kernel

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def text(report: Report) -> str:
    """A page for a terminal."""
    lines = [headline(report)]
    if report.regions:
        lines += ["", "Fused"]
        for region in report.regions:
            lines += [f"  {line}" for line in region_lines(region)]
    if report.refusals:
        lines += ["", "Left to Inductor"]
        for refusal, count in grouped(report.refusals):
            lines += [f"  {refusal_title(refusal, count)}", *_wrapped(refusal.reason, "    ")]
            lines += _wrapped(f"hint: {refusal.hint}", "    ") if refusal.hint else []
    return "\n".join(lines)


def headline(report: Report) -> str:
    regions = sum(r.copies for r in report.regions)
    kernels, ops = sum(len(r.kernels) for r in report.regions), len(report.refusals)
    fused = f"{_count(regions, 'region')} fused into {_count(kernels, 'kernel')}" if regions else "nothing fused"
    return f"{fused}; {_count(ops, 'op')} left to Inductor" if ops else fused


def region_lines(region: RegionReport) -> list[str]:
    copies = f"{region.copies} × " if region.copies > 1 else ""
    lines = _wrapped(copies + (places(region.lines) or "a place that is not known"), "", "  ")
    for kernel in region.kernels:
        lines += _wrapped(f"@{one_line(kernel.name)}  {dims(kernel)}", "  ", "      ")
    lines += [f"  {saved(region)}"]
    for remark in region.remarks:
        lines += _wrapped(f"{place(remark.location)}: {remark.text}".removeprefix(": "), "  ", "    ") if remark.refused else []
    return lines


def dims(kernel: Kernel) -> str:
    """``i = 300, grid 128; …``: a dim, its extent, and how the kernel covers it."""
    return "; ".join(f"{d} = {how}" for d, how in kernel.dims.items())


def saved(region: RegionReport) -> str:
    each = " each" if region.copies > 1 else ""
    return f"{size(region.bytes_saved)} never stored, {region.flops / 1e9:.3g} GFLOP in contractions{each}"


def size(count: float) -> str:
    """``6.7 MiB``."""
    for unit in UNITS[:-1]:
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} {UNITS[-1]}"


def grouped(refusals: Sequence[Refusal]) -> list[tuple[Refusal, int]]:
    """The first of equal refusals, places apart, and how many there are; the most frequent first."""
    first: dict[tuple[str, str], Refusal] = {}
    for refusal in refusals:
        first.setdefault((refusal.op, refusal.reason), refusal)
    counts = Counter((r.op, r.reason) for r in refusals)
    return [(first[key], n) for key, n in counts.most_common()]


def refusal_title(refusal: Refusal, count: int) -> str:
    op = refusal.op.removesuffix(".default")
    where = f", {'first ' * (count > 1)}at {place(refusal.location)}" if refusal.location else ""
    return one_line(f"{f'{count} × ' * (count > 1)}{op}{where}")


def places(lines: Iterable[str]) -> str:
    """``model.py:41, 45`` for several lines of a file."""
    files: dict[str, list[str]] = {}
    for line in lines:
        file, _, number = line.rpartition(":")
        files.setdefault(file, []).append(number)
    return "; ".join(f"{short(file)}:{', '.join(numbers)}" for file, numbers in files.items())


def place(location: str | None) -> str:
    """``model.py:41`` of ``…/site-packages/model.py:41:5``."""
    parts = (location or "").rsplit(":", 2)
    return f"{short(parts[0])}:{parts[1]}" if len(parts) == 3 else short(location or "")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def _wrapped(line: str, indent: str, more: str | None = None) -> list[str]:
    width = max(60, min(shutil.get_terminal_size().columns, 120))
    return textwrap.wrap(one_line(line), width, initial_indent=indent, subsequent_indent=indent if more is None else more)


def page(report: Report) -> str:
    """HTML: regions that unfold to their kernels, IR and file, and a table of refusals."""
    parts = [f"<p><b>{_escaped(headline(report))}</b></p>"]
    for region in report.regions:
        copies = f"{region.copies} × " if region.copies > 1 else ""
        inner = "".join(f"<p><code>@{_escaped(k.name)}</code> {_escaped(dims(k))}</p>" for k in region.kernels)
        inner += "".join(_unfolds(f"Triton: {k.name}", k.source) for k in region.kernels)
        inner += "".join(_unfolds(f"IR: {stage}", ir) for stage, ir in region.ir.items())
        inner += _unfolds("a file that runs alone", region.file)
        title = f"{copies}{places(region.lines)}: {saved(region)}"
        parts.append(f"<details open><summary>{_escaped(title)}</summary><div style='margin-left: 2em'>{inner}</div></details>")
    rows = [
        f"<tr><td>{count}</td><td><code>{_escaped(r.op)}</code></td><td>{_escaped(place(r.location))}</td>"
        f"<td>{_escaped(r.reason)}</td><td>{_escaped(r.hint or '')}</td></tr>"
        for r, count in grouped(report.refusals)
    ]
    if rows:
        head = "".join(f"<th>{title}</th>" for title in ("times", "left to Inductor", "first at", "reason", "hint"))
        parts.append(f"<table><tr>{head}</tr>{''.join(rows)}</table>")
    return "".join(parts)


def _unfolds(title: str, source: str) -> str:
    return f"<details><summary>{_escaped(title)}</summary><pre>{html.escape(source)}</pre></details>"


def _escaped(line: str) -> str:
    return html.escape(one_line(line))
