"""What became of a graph: its regions, and each refusal with the op, its source line, the reason and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flashlight_mlir.diagnostics import Remark, one_line
from flashlight_mlir.program import Kernel


def short(file: str) -> str:
    """A file's name for people: of an installed package, what follows the folder of all packages."""
    return one_line(file.rpartition("site-packages/")[2])


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
    """Bytes of tensors that Inductor would store and the kernels do not, at the example's sizes (``savings``)."""
    flops: int
    """Floating-point operations of its contractions, masked ones included."""
    ir: Mapping[str, str]
    remarks: tuple[Remark, ...] = ()
    file: str = ""
    """A Python file that runs alone: kernels, their launch, the same in eager PyTorch, and a check."""
    copies: int = 0
    """Regions of the graph that share these kernels; the numbers above are those of one."""

    def __str__(self) -> str:
        from flashlight_mlir.bridge.page import region_lines

        return "\n".join(region_lines(self))

    __repr__ = __str__


@dataclass
class Report:
    """All regions and refusals of one graph, or of all graphs of a function."""

    regions: list[RegionReport] = field(default_factory=list[RegionReport])
    refusals: list[Refusal] = field(default_factory=list[Refusal])

    def __str__(self) -> str:
        from flashlight_mlir.bridge.page import text

        return text(self)

    __repr__ = __str__

    def add(self, other: Report) -> None:
        """The regions and refusals of one more graph."""
        self.regions += other.regions
        self.refusals += other.refusals

    def _repr_html_(self) -> str:
        from flashlight_mlir.bridge.page import page

        return page(self)
