"""The user's line of an FX node: the innermost frame of its stack trace that is neither torch's nor ours."""

from __future__ import annotations

import linecache
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, StringAttr, UnknownLoc

_FRAME = re.compile(r'\s*File "([^"\n]+)", line (\d+), in ')
_CARETS = re.compile(r"\s*[~^]+\s*\Z")
_INSIDE = (os.path.dirname(torch.__file__) + os.sep, str(Path(__file__).parent) + os.sep, "torch/", "<")


@dataclass(frozen=True)
class Frame:
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@cache
def user_frame(stack_trace: str) -> Frame | None:
    """The innermost user frame of a formatted traceback; columns start at 1."""
    lines = stack_trace.splitlines()
    for k in range(len(lines) - 1, -1, -1):
        match = _FRAME.match(lines[k])
        if match and not match[1].startswith(_INSIDE):
            return Frame(_shown(match[1]), int(match[2]), _column(match[1], int(match[2]), lines[k + 1 : k + 3]))
    return None


def _column(file: str, line: int, below: list[str]) -> int:
    source = linecache.getline(file, line)
    indent = len(source) - len(source.lstrip())
    if len(below) == 2 and _CARETS.match(below[1]):
        return indent + below[1].index(below[1].strip()) - (len(below[0]) - len(below[0].lstrip())) + 1
    return indent + 1


def _shown(file: str) -> str:
    """Relative to the working directory if it lies below."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def location(stack_trace: str | None) -> LocationAttr:
    frame = user_frame(stack_trace) if stack_trace else None
    if frame is None:
        return UnknownLoc()
    return FileLineColLoc(StringAttr(frame.file), IntAttr(frame.line), IntAttr(frame.column))
