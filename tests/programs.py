"""The programs in ``examples/``: every public function that a file defines, with the inputs that the file gives."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Program:
    name: str
    function: Callable[..., Any]
    inputs: Callable[..., tuple[Any, ...]]
    """``inputs(dtype=..., **lengths)``: small example tensors."""
    path: Path


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Dynamo looks up a function's globals there
    spec.loader.exec_module(module)
    return module


def programs_in(path: Path) -> Iterator[Program]:
    module = load(path)
    for name, value in vars(module).items():
        if not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        if not name.startswith("_") and name != "example_inputs":
            yield Program(name, value, module.example_inputs, path)


@cache
def programs() -> tuple[Program, ...]:
    return tuple(p for path in sorted(EXAMPLES.glob("*.py")) for p in programs_in(path))
