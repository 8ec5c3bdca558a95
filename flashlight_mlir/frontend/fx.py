"""``import_function``: eager PyTorch in, one ``func.func`` of pointwise and tensor_ext ops out, located at the user's lines.

imported = import_function(causal, (q, k, v), dynamic_shapes={"q": {2: Dim("S")}, …})
print(imported.module)
results = run(imported.module, *imported.flatten(q, k, v))
outputs = imported.pack(results)
"""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from torch.fx import Node
from torch.fx import node as fx_node
from torch.utils import _pytree as pytree
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, BlockArgument, Region, SSAValue
from xdsl.traits import is_side_effect_free

from flashlight_mlir.diagnostics import CompileError, location_of
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.frontend import aten_create, aten_index, aten_linear, aten_pointwise, aten_reductions, aten_views
from flashlight_mlir.frontend.builder import Builder, Number, Value
from flashlight_mlir.frontend.calls import call
from flashlight_mlir.frontend.dtypes import element
from flashlight_mlir.frontend.handlers import HANDLERS, Context, Unsupported
from flashlight_mlir.frontend.imported import Argument, Imported
from flashlight_mlir.frontend.locations import location
from flashlight_mlir.frontend.size_numbers import number
from flashlight_mlir.frontend.sizes import Sizes
from flashlight_mlir.frontend.trace import trace

_map_arg: Any = fx_node.map_arg
_ = (aten_create, aten_index, aten_linear, aten_pointwise, aten_views)  # imported for their handlers
_SKIPPED = re.compile(
    r"aten\._assert|aten\.sym_constrain|aten\._functional_sym_constrain|aten\.sym_(size|numel|stride)|aten\._local_scalar"
)


def import_function(
    f: Callable[..., Any],
    example_inputs: Sequence[Any],
    dynamic_shapes: Mapping[str, Any] | Sequence[Any] | None = None,
) -> Imported:
    """Trace ``f`` (a function or module) on example inputs and import it. ``dynamic_shapes`` as torch.export spells it."""
    names = _parameter_names(f, len(example_inputs))
    shapes = _per_input(dynamic_shapes, names)
    leaves, in_spec = pytree.tree_flatten(tuple(example_inputs))
    leaves = [x.detach() if isinstance(x, torch.Tensor) else x for x in leaves]  # one tensor given twice stays two inputs
    inputs = pytree.tree_unflatten(leaves, in_spec)
    program = trace(f, inputs, shapes)
    return _Importer(program, f, names, inputs, shapes).run(leaves, in_spec)


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    signature = inspect.signature(f.forward if isinstance(f, torch.nn.Module) else f)
    try:
        bound = signature.bind(*range(count))
    except TypeError as e:
        raise CompileError(f"{count} example inputs do not fit the signature {signature}: {e}") from e
    names = [""] * count
    for name, position in bound.arguments.items():
        places: list[Any] = [*position] if isinstance(position, tuple) else [position]
        for k, p in enumerate(places):
            names[p] = f"{name}_{k}" if isinstance(position, tuple) else name
    return names


def _per_input(shapes: Mapping[str, Any] | Sequence[Any] | None, names: Sequence[str]) -> tuple[Any, ...] | None:
    if shapes is None:
        return None
    if isinstance(shapes, Mapping):
        if unknown := set(shapes) - set(names):
            raise CompileError(f"dynamic_shapes names no parameter: {', '.join(sorted(unknown))}")
        return tuple(shapes.get(n) for n in names)
    if len(shapes) != len(names):
        raise CompileError(f"dynamic_shapes has {len(shapes)} entries for {len(names)} inputs")
    return tuple(shapes)


class _Importer:
    def __init__(
        self, program: ExportedProgram, f: Callable[..., Any], names: list[str], inputs: Any, shapes: tuple[Any, ...] | None
    ):
        self.program = program
        self.name = re.sub(r"[^A-Za-z0-9_]", "_", getattr(f, "__name__", type(f).__name__)).lstrip("_") or "f"
        self.names = names
        self.inputs = inputs
        self.shapes = shapes
        self.block = Block()
        self.b = Builder(self.block)
        self.env: dict[Node, Any] = {}
        self.arguments: list[Argument] = []

    def run(self, leaves: Sequence[Any], in_spec: pytree.TreeSpec) -> Imported:
        nodes = list(self.program.graph.nodes)
        placeholders = [n for n in nodes if n.op == "placeholder"]
        self.sizes = Sizes(self._named_symbols(placeholders))
        fixed = self._inputs(placeholders, leaves)
        results: tuple[Any, ...] = ()
        for node in nodes:
            if node.meta.get("stack_trace"):  # what torch adds of its own stands where the line before it did
                self.b.location = location(node.meta["stack_trace"])
            try:
                if node.op == "call_function":
                    self.env[node] = self._import(node)
                elif node.op == "output":
                    results = self._outputs()
            except CompileError as e:
                raise CompileError(e.message, e.location or location_of(self.b.location)) from e
        func = FuncOp(self.name, FunctionType.from_lists(self.block.arg_types, self._result_types()), Region(self.block))
        _drop_unused(self.block)
        module = ModuleOp([func])
        module.verify()
        assert self.program.call_spec.out_spec is not None
        return Imported(
            module, self.name, tuple(self.arguments), self._symbols(), self._ranges(),
            tuple(self.b.relations), fixed, results, in_spec,
            self.program.call_spec.out_spec,
        )  # fmt: skip

    # Inputs.

    def _inputs(self, placeholders: Sequence[Node], leaves: Sequence[Any]) -> dict[int, Any]:
        """Arguments for the user's tensors, in the user's order, then for constants; 0-d constants become numbers."""
        names, fixed, leaf = self._leaf_names(), dict[int, Any](), 0
        specs = list(zip(self.program.graph_signature.input_specs, placeholders, strict=True))
        for spec, node in specs:
            if spec.kind == InputKind.USER_INPUT:
                if isinstance(spec.arg, TensorArgument):
                    self._argument(node, names[leaf], leaf=leaf)
                elif isinstance(spec.arg, ConstantArgument):
                    fixed[leaf] = leaves[leaf]
                else:
                    raise CompileError(f"the input '{names[leaf]}' is no tensor and no constant")
                leaf += 1
        for spec, node in specs:
            if spec.kind == InputKind.USER_INPUT:
                continue
            if spec.kind not in (InputKind.CONSTANT_TENSOR, InputKind.BUFFER, InputKind.PARAMETER) or spec.target is None:
                raise CompileError(f"the program's input '{spec.target}' is not supported")
            program: Any = self.program
            source = program.constants if spec.target in program.constants else program.state_dict
            tensor: torch.Tensor = source[spec.target].detach()
            if spec.kind == InputKind.CONSTANT_TENSOR and tensor.ndim == 0 and not tensor.is_complex():
                self.env[node] = Number(tensor.item(), tensor.dtype)
            else:
                self._argument(node, spec.target.removeprefix("f."), constant=tensor)
        return fixed

    def _argument(self, node: Node, name: str, leaf: int | None = None, constant: torch.Tensor | None = None) -> None:
        meta = node.meta["val"]
        if meta.layout != torch.strided:
            raise CompileError(f"the input '{name}' is not a strided tensor")
        try:
            type = tx.tensor(self.sizes.shape(meta.shape), element(meta.dtype))
        except CompileError as e:
            raise CompileError(f"the input '{name}': {e.message}") from e
        value = self.block.insert_arg(type, len(self.arguments))
        hint = re.sub(r"[^A-Za-z0-9_]", "_", name)[:32].strip("_")
        value.name_hint = f"p{hint}" if hint[:1].isdigit() else hint or None
        self.arguments.append(Argument(name, leaf, constant))
        self.env[node] = value

    def _leaf_names(self) -> list[str]:
        out: list[str] = []
        for name, value in zip(self.names, self.inputs, strict=True):
            count = len(pytree.tree_leaves(value))
            out += [name] if count == 1 else [f"{name}_{k}" for k in range(count)]
        return out

    # Sizes.

    def _named_symbols(self, placeholders: Sequence[Node]) -> list[tuple[sympy.Symbol, str]]:
        """The symbols that the user named in ``dynamic_shapes``."""
        found: list[tuple[sympy.Symbol, str]] = []
        if self.shapes is None:
            return found
        user = [n for s, n in zip(self.program.graph_signature.input_specs, placeholders, strict=True)
                if s.kind == InputKind.USER_INPUT]  # fmt: skip
        leaf = 0
        for value, spec in zip(self.inputs, self.shapes, strict=True):
            count = len(pytree.tree_leaves(value))
            axes: list[Any] = [*spec.items()] if isinstance(spec, Mapping) else [*enumerate(spec or ())]
            if count == 1 and isinstance(value, torch.Tensor):
                for axis, dim in axes:
                    size: Any = user[leaf].meta["val"].shape[axis]
                    name = dim if isinstance(dim, str) else getattr(dim, "__name__", None)
                    symbol = getattr(getattr(size, "node", None), "expr", None)
                    if name and isinstance(symbol, sympy.Symbol):
                        found.append((symbol, name))
            leaf += count
        return found

    def _symbols(self) -> dict[str, tuple[int, int]]:
        out: dict[str, tuple[int, int]] = {}
        for k, arg in enumerate(self.block.args):
            for axis, size in enumerate(tx.type_of(arg).shape):
                if size.name is not None:
                    out.setdefault(size.name, (k, axis))
        return out

    def _ranges(self) -> dict[str, tuple[int, int | None]]:
        out: dict[str, tuple[int, int | None]] = {}
        program: Any = self.program
        for symbol, values in program.range_constraints.items():
            if symbol in self.sizes.names:
                low = int(values.lower) if values.lower.is_integer else 0
                out[self.sizes.names[symbol]] = low, int(values.upper) if values.upper.is_Integer else None
        return out

    # Ops.

    def _value(self, node: Node) -> Any:
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
        args, kwargs = _map_arg((node.args, dict(node.kwargs)), self._value)
        if node.target is operator.getitem:
            return args[0][args[1]]
        metas: list[Any] = [*meta] if isinstance(meta, list | tuple) else [meta]
        for m in metas:
            self._check(target, m)
        context = Context(self.b, self.sizes, meta, node)
        if target in ("aten.max.dim", "aten.min.dim") and all(u.args[1] == 0 for u in node.users):
            return [aten_reductions.extremum(context, target[5:8], *args, **kwargs)]
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

    # Outputs.

    def _outputs(self) -> tuple[Any, ...]:
        output: Any = self.program.graph.output_node().args[0]
        values: list[SSAValue] = []
        results: list[Any] = []
        for spec, node in zip(self.program.graph_signature.output_specs, output, strict=True):
            if spec.kind != OutputKind.USER_OUTPUT:
                known = {n.name: self.arguments[v.index].name for n, v in self.env.items() if isinstance(v, BlockArgument)}
                name = known.get(str(spec.target), str(spec.target).removeprefix("f."))
                raise CompileError(f"the function changes its input or buffer '{name}' in place: not supported")
            if isinstance(node, Node):
                value: Any = self._value(node)
                if not isinstance(value, SSAValue | Number):
                    raise CompileError("the function returns a size: only tensors and constants are supported")
                results.append(("result", len(values)))
                values.append(self.b.tensor(cast(Value, value)))
            else:
                results.append(("value", node))
        self.b.emit_last(ReturnOp(*values))
        return tuple(results)

    def _result_types(self) -> list[Any]:
        last = self.block.last_op
        return [] if last is None else [v.type for v in last.operands]


def _drop_unused(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if op.results and is_side_effect_free(op) and not any(list(r.uses) for r in op.results):
            op.detach()
            op.erase()
