"""``schedule [b grid 1, i grid 128, j stream 64, d whole] warps 8 stages 3``: how a tiled kernel covers its dims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from flashlight_mlir.dialects.loop.types import parse_dim

Role = Literal["grid", "stream", "whole"]


@dataclass(frozen=True)
class Plan:
    """One dim: ``grid`` (a program has one tile of it), ``stream`` (a fold visits its tiles) or ``whole`` (one tile covers it).

    A grid or streamed dim without a size is not tiled yet.
    """

    dim: str
    role: Role
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.dim} {self.role}" + ("" if self.size is None else f" {self.size}")


@dataclass(frozen=True)
class Schedule:
    plans: tuple[Plan, ...]
    warps: int = 4
    stages: int = 2

    def of(self, dim: str) -> Plan:
        return next(p for p in self.plans if p.dim == dim)

    def role(self, dim: str) -> Role:
        return self.of(dim).role

    def size(self, dim: str) -> int | None:
        return self.of(dim).size

    @property
    def grid(self) -> tuple[Plan, ...]:
        return tuple(p for p in self.plans if p.role == "grid")


@irdl_attr_definition
class ScheduleAttr(Data[Schedule]):
    name = "loop.schedule"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Schedule:
        with parser.in_angle_brackets():
            return parse_schedule(parser)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(schedule_text(self.data))


def schedule_text(schedule: Schedule) -> str:
    return f"[{', '.join(map(str, schedule.plans))}] warps {schedule.warps} stages {schedule.stages}"


def parse_schedule(parser: AttrParser) -> Schedule:
    plans = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _parse_plan(parser))
    parser.parse_keyword("warps")
    warps = _positive(parser)
    parser.parse_keyword("stages")
    return Schedule(tuple(plans), warps, _positive(parser))


def _parse_plan(parser: AttrParser) -> Plan:
    dim = parse_dim(parser)
    role = parser.parse_keyword_in(get_args(Role))
    size = parser.parse_optional_integer(allow_boolean=False, allow_negative=False)
    if size is not None and (size < 1 or size > 2**16):
        parser.raise_error(f"a tile has 1 to 65536 elements along a dim, got {size}")
    return Plan(dim, "grid" if role == "grid" else "stream" if role == "stream" else "whole", size)


def _positive(parser: AttrParser) -> int:
    value = parser.parse_integer(allow_boolean=False, allow_negative=False)
    if not 1 <= value <= 64:
        parser.raise_error(f"expected 1 to 64, got {value}")
    return value


def plans_of(names: Sequence[str]) -> tuple[Plan, ...]:
    """A plan that covers every dim whole: the untiled kernel seen as one tile."""
    return tuple(Plan(n, "whole") for n in names)
