"""Modules and passes: a context with our dialects, parsing, and running pipelines by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from importlib import import_module
from typing import Any

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes

from flashlight_mlir import dialects, passes
from flashlight_mlir.passes.pipelines import flatten


def context() -> Context:
    """A context where our dialects, and xDSL's, are loaded when they are met."""
    ctx = Context()
    for name, factory in {**get_all_dialects(), **dialects.ALL}.items():
        ctx.register_dialect(name, factory)
    for name in ("builtin", "arith", "func"):
        ctx.load_registered_dialect(name)
    return ctx


def parse(text: str, name: str = "<ir>", ctx: Context | None = None) -> ModuleOp:
    """A verified module from its text."""
    module = Parser(ctx or context(), text, name).parse_module()
    module.verify()
    return module


def pass_class(name: str) -> type[ModulePass]:
    """Our pass of that name, else xDSL's."""
    if name in passes.ALL:
        module, _, attribute = passes.ALL[name].partition(":")
        return getattr(import_module(module), attribute)
    return get_all_passes()[name]()


def run_passes(module: ModuleOp, names: Iterable[str], ctx: Context | None = None, *, verify: bool = True, **options: Any) -> None:
    """Run passes and pipelines by name, in place; a pass gets the options that are fields of it.

    The module is verified after each pass, unless the caller does so (``verify=False``, where compile time counts).
    """
    ctx = ctx or context()
    for name in names:
        for each in flatten(name):
            cls = pass_class(each)
            known = {f.name for f in fields(cls)}
            cls(**{k: v for k, v in options.items() if k in known}).apply(ctx, module)
            if verify:
                module.verify()
