"""One node of an FX graph at a time: its handler emits tensor-level ops, what has no handler becomes a call."""

from __future__ import annotations

import operator
import re
from typing import Any

import torch
from torch.fx import Node
from torch.fx import node as fx_node
from xdsl.ir import Block

from flashlight_mlir.diagnostics import CompileError, location_of
from flashlight_mlir.dialects.tensor_ext.types import tensor
from flashlight_mlir.frontend import aten_create, aten_index, aten_linear, aten_pointwise, aten_reductions, aten_views
from flashlight_mlir.frontend.builder import Builder
from flashlight_mlir.frontend.calls import call
from flashlight_mlir.frontend.dtypes import element
from flashlight_mlir.frontend.handlers import HANDLERS, Context, Unsupported
from flashlight_mlir.frontend.locations import location
from flashlight_mlir.frontend.numbers import computed
from flashlight_mlir.frontend.size_numbers import number
from flashlight_mlir.frontend.sizes import Sizes

_map_arg: Any = fx_node.map_arg
_ = (aten_create, aten_index, aten_linear, aten_pointwise, aten_views)  # imported for their handlers
_SKIPPED = re.compile(
    r"aten\._assert|aten\.sym_constrain|aten\._functional_sym_constrain|aten\.sym_(size|numel|stride)|aten\._local_scalar"
)


class NodeImporter:
    """The block that is being built, and the value of each node so far."""

    def __init__(self, sizes: Sizes):
        self.block = Block()
        self.b = Builder(self.block)
        self.sizes = sizes
        self.env: dict[Node, Any] = {}

    def visit(self, node: Node) -> None:
        """Import a call; CompileError at the user's line."""
        if node.meta.get("stack_trace"):  # what torch adds of its own stands where the line before it did
            self.b.location = location(node.meta["stack_trace"])
        try:
            self.env[node] = self._import(node)
        except CompileError as e:
            raise CompileError(e.message, e.location or location_of(self.b.location)) from e

    def argument(self, node: Node, name: str) -> None:
        """A tensor from outside becomes an argument of the block."""
        meta = node.meta["val"]
        if meta.layout != torch.strided:
            raise CompileError(f"the input '{name}' is not a strided tensor")
        try:
            type = tensor(self.sizes.shape(meta.shape), element(meta.dtype))
        except CompileError as e:
            raise CompileError(f"the input '{name}': {e.message}") from e
        value = self.block.insert_arg(type, len(self.block.args))
        hint = re.sub(r"[^A-Za-z0-9_]", "_", name)[:32].strip("_")
        value.name_hint = f"p{hint}" if hint[:1].isdigit() else hint or None
        self.env[node] = value

    def value(self, node: Node) -> Any:
        if node in self.env and self.env[node] is not None:
            return self.env[node]
        meta = node.meta.get("val")
        if isinstance(meta, torch.SymInt):
            return self.sizes.expr(meta)
        if isinstance(meta, int | float | bool):
            return meta
        if isinstance(meta, torch.SymFloat):
            symbolic: Any = meta
            return number(self.b, self.sizes, symbolic.node.expr)
        raise CompileError(f"'{node.target}' has a result that is no tensor: not supported")

    def _import(self, node: Node) -> Any:
        target, meta = str(node.target), node.meta.get("val")
        if _SKIPPED.match(target) or isinstance(meta, torch.SymInt | torch.SymFloat | torch.SymBool | int | float | bool):
            return None  # sizes are read from the results' shapes
        args, kwargs = _map_arg((node.args, dict(node.kwargs)), self.value)
        if node.target is operator.getitem:
            return args[0][args[1]]
        metas: list[Any] = [*meta] if isinstance(meta, list | tuple) else [meta]
        for m in metas:
            self._check(target, m)
        context = Context(self.b, self.sizes, meta, node)
        if target in ("aten.max.dim", "aten.min.dim") and all(u.args[1] == 0 for u in node.users):
            return [aten_reductions.extremum(context, target[5:8], *args, **kwargs)]
        if (known := computed(context, node.target, args, kwargs)) is not None:
            return known
        if target in HANDLERS:
            try:
                return HANDLERS[target](context, *args, **kwargs)
            except Unsupported:
                pass
        return call(self.b, self.sizes, node.target, args, kwargs, meta)

    @staticmethod
    def _check(target: str, meta: Any) -> None:
        if isinstance(meta, torch.Tensor):
            if meta.layout != torch.strided:
                raise CompileError(f"'{target}' gives a tensor of layout {meta.layout}: not supported")
            try:
                element(meta.dtype)
            except CompileError as e:
                raise CompileError(f"'{target}': {e.message}") from e
