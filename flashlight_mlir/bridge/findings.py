"""What is found out about a graph: regions that became kernels, and refusals with op, source line, reason and hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flashlight_mlir.bridge.words import place, places, size, times, wrapped
from flashlight_mlir.diagnostics import Remark, one_line
from flashlight_mlir.program import Kernel

GRAPH = "the graph"
"""The ``op`` of a refusal of everything."""


@dataclass(frozen=True)
class Refusal:
    """``op`` was left to Inductor."""

    op: str
    location: str | None
    reason: str
    hint: str | None = None
    failed: bool = False
    """By an error of ours, not by a rule."""

    def __str__(self) -> str:
        at = f"{self.location}: " if self.location else ""
        hint = f" (hint: {self.hint})" if self.hint else ""
        return one_line(f"{at}{self.op} is left to Inductor: {self.reason}{hint}")


@dataclass(eq=False, repr=False)
class RegionReport:
    """A region that became kernels."""

    lines: tuple[str, ...]
    """The user's lines that it covers."""
    kernels: tuple[Kernel, ...]
    bytes_saved: int
    """Bytes of tensors that Inductor would store and the kernels do not, at the example's sizes (``savings``)."""
    flops: int
    """Floating-point operations of its contractions, masked ones included."""
    ir: Mapping[str, str]
    remarks: tuple[Remark, ...] = ()
    file: str = ""
    """A Python file that runs alone: kernels, their launch, the same in eager PyTorch, and a check."""
    copies: int = 0
    """Regions of the graph that share these kernels; the numbers above are those of one."""

    @property
    def saved(self) -> str:
        each = " each" if self.copies > 1 else ""
        return f"{size(self.bytes_saved)} never stored, {self.flops / 1e9:.3g} GFLOP in contractions{each}"

    @property
    def title(self) -> str:
        return times(self.copies) + (places(self.lines) or "a place that is not known")

    def __str__(self) -> str:
        lines = wrapped(self.title, "", "  ")
        for kernel in self.kernels:
            lines += wrapped(f"@{kernel.name}  {dims(kernel)}", "  ", "      ", at="; ")
        lines.append(f"  {self.saved}")
        for remark in self.remarks:
            if remark.refused:
                lines += wrapped(f"{place(remark.location)}: {remark.text}".removeprefix(": "), "  ", "    ")
        return "\n".join(lines)

    __repr__ = __str__


def dims(kernel: Kernel) -> str:
    """``i = 300, grid 128; …``: a dim, its extent, and how the kernel covers it."""
    return "; ".join(f"{d} = {how}" for d, how in kernel.dims.items())
