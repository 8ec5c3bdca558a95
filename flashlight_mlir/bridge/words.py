"""Places, sizes and counts as people read them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

from flashlight_mlir.diagnostics import one_line, short

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: float) -> str:
    """``6.7 MiB``."""
    for unit in UNITS[:-1]:
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} {UNITS[-1]}"


def count(n: int, noun: str) -> str:
    """``2 regions``."""
    return f"{n} {noun}{'s' * (n != 1)}"


def times(n: int) -> str:
    """``12 ×``, and nothing for once."""
    return f"{n} × " if n > 1 else ""


def place(location: str | None) -> str:
    """``model.py:41`` of ``…/site-packages/model.py:41:5``."""
    parts = (location or "").rsplit(":", 2)
    return f"{short(parts[0])}:{parts[1]}" if len(parts) == 3 else short(location or "")


def places(lines: Iterable[str]) -> str:
    """``model.py:41, 45`` for several lines of a file."""
    files: dict[str, list[str]] = {}
    for line in lines:
        file, _, number = line.rpartition(":")
        files.setdefault(file, []).append(number)
    return "; ".join(f"{short(file)}:{', '.join(numbers)}" for file, numbers in files.items())


def wrapped(line: str, indent: str, more: str | None = None, at: str = " ") -> list[str]:
    """Lines that fit the terminal, broken at ``at`` only."""
    width = max(60, min(shutil.get_terminal_size().columns, 120))
    kept = one_line(line).replace(" ", "\0").replace(at.replace(" ", "\0"), at)
    found = textwrap.wrap(kept, width, initial_indent=indent, subsequent_indent=indent if more is None else more)
    return [part.replace("\0", " ") for part in found]
