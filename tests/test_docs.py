"""The ``Before:`` and ``After:`` of a pass are what the pass does, and the tables name things that exist."""

import importlib
import inspect
import io
import re

import pytest
from xdsl.ir import Operation
from xdsl.printer import Printer
from xdsl.utils.arg_spec import ArgSpec

from flashlight_mlir.passes import ALL
from flashlight_mlir.reader import read, verify
from flashlight_mlir.tools.opt import context, passes

ELIDED = "…"


def sections(name: str) -> dict[str, str]:
    """The indented blocks under ``Before:`` and ``After:`` of the pass's module; ``…`` stands for what is left out."""
    text = inspect.getdoc(importlib.import_module(ALL[name].partition(":")[0])) or ""
    return dict(re.findall(r"^(Before|After):\n((?:[ \t]+.*\n|\n)+)", text + "\n", re.MULTILINE))


def printed(op: Operation) -> str:
    out = io.StringIO()
    Printer(out).print_op(op)
    return out.getvalue()


def words(text: str) -> list[str]:
    return re.sub(r"^\s*builtin\.module \{(.*)\}\s*$", r"\1", text, flags=re.DOTALL).split()


@pytest.mark.parametrize("name", ALL)
def test_before_becomes_after(name: str) -> None:
    found = sections(name)
    if ELIDED in found["Before"] or "func.func" not in found["Before"]:
        pytest.skip("a sketch, not a program")
    ctx = context()
    module = read(ctx, found["Before"], f"{name}, Before")
    verify(module)
    passes()[name]().from_spec(ArgSpec(name, {})).apply(ctx, module)
    verify(module)
    actual = words(printed(module))
    if ELIDED not in found["After"]:
        after = read(ctx, found["After"], f"{name}, After")
        verify(after)
        assert actual == words(printed(after))
        return
    rest = " ".join(actual)
    for piece in found["After"].split(ELIDED):
        known = " ".join(piece.split())
        assert known in rest
        rest = rest[rest.index(known) + len(known) :]


@pytest.mark.parametrize("name", ALL)
def test_a_pass_explains_itself(name: str) -> None:
    cls = passes()[name]()
    module = inspect.getdoc(importlib.import_module(cls.__module__)) or ""
    assert cls.name == name
    assert (cls.__doc__ or "").strip().partition("\n")[0].endswith(".")
    assert "Refuses when" in module
