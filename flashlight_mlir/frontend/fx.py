"""``import_function``: eager PyTorch in, one ``func.func`` of pointwise and tensor_ext ops out, located at the user's lines.

imported = import_function(causal, (q, k, v), dynamic_shapes={"q": {2: Dim("S")}, …})
print(imported.module)
results = run(imported.module, *imported.flatten(q, k, v))
outputs = imported.pack(results)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import sympy  # pyright: ignore[reportMissingTypeStubs]
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from torch.fx import Node
from torch.utils import _pytree as pytree
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, BlockArgument, Region, SSAValue
from xdsl.traits import is_side_effect_free

from flashlight_mlir.diagnostics import CompileError, location_of
from flashlight_mlir.dialects import tensor_ext as tx
from flashlight_mlir.frontend.builder import Number, Value
from flashlight_mlir.frontend.imported import Argument, Imported
from flashlight_mlir.frontend.importer import NodeImporter
from flashlight_mlir.frontend.sizes import Sizes
from flashlight_mlir.frontend.trace import trace


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
        self.arguments: list[Argument] = []

    def run(self, leaves: Sequence[Any], in_spec: pytree.TreeSpec) -> Imported:
        nodes = list(self.program.graph.nodes)
        placeholders = [n for n in nodes if n.op == "placeholder"]
        self.nodes = NodeImporter(Sizes(self._named_symbols(placeholders)))
        fixed = self._inputs(placeholders, leaves)
        for node in nodes:
            if node.op == "call_function":
                self.nodes.visit(node)
        try:
            results = self._outputs()
        except CompileError as e:
            raise CompileError(e.message, e.location or location_of(self.nodes.b.location)) from e
        block = self.nodes.block
        func = FuncOp(self.name, FunctionType.from_lists(block.arg_types, self._result_types()), Region(block))
        drop_unused(block)
        module = ModuleOp([func])
        module.verify()
        assert self.program.call_spec.out_spec is not None
        return Imported(
            module, self.name, tuple(self.arguments), self._symbols(), self._ranges(),
            tuple(self.nodes.b.relations), fixed, results, in_spec,
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
                self.nodes.env[node] = Number(tensor.item(), tensor.dtype)
            else:
                self._argument(node, spec.target.removeprefix("f."), constant=tensor)
        return fixed

    def _argument(self, node: Node, name: str, leaf: int | None = None, constant: torch.Tensor | None = None) -> None:
        self.nodes.argument(node, name)
        self.arguments.append(Argument(name, leaf, constant))

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
        for k, arg in enumerate(self.nodes.block.args):
            for axis, size in enumerate(tx.type_of(arg).shape):
                if size.name is not None:
                    out.setdefault(size.name, (k, axis))
        return out

    def _ranges(self) -> dict[str, tuple[int, int | None]]:
        out: dict[str, tuple[int, int | None]] = {}
        program: Any = self.program
        for symbol, values in program.range_constraints.items():
            if symbol in self.nodes.sizes.names:
                low = int(values.lower) if values.lower.is_integer else 0
                out[self.nodes.sizes.names[symbol]] = low, int(values.upper) if values.upper.is_Integer else None
        return out

    # Outputs.

    def _outputs(self) -> tuple[Any, ...]:
        output: Any = self.program.graph.output_node().args[0]
        values: list[SSAValue] = []
        results: list[Any] = []
        for spec, node in zip(self.program.graph_signature.output_specs, output, strict=True):
            if spec.kind != OutputKind.USER_OUTPUT:
                known = {n.name: self.arguments[v.index].name for n, v in self.nodes.env.items() if isinstance(v, BlockArgument)}
                name = known.get(str(spec.target), str(spec.target).removeprefix("f."))
                raise CompileError(f"the function changes its input or buffer '{name}' in place: not supported")
            if isinstance(node, Node):
                value: Any = self.nodes.value(node)
                if not isinstance(value, SSAValue | Number):
                    raise CompileError("the function returns a size: only tensors and constants are supported")
                results.append(("result", len(values)))
                values.append(self.nodes.b.tensor(cast(Value, value)))
            else:
                results.append(("value", node))
        self.nodes.b.emit_last(ReturnOp(*values))
        return tuple(results)

    def _result_types(self) -> list[Any]:
        last = self.nodes.block.last_op
        return [] if last is None else [v.type for v in last.operands]


def drop_unused(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if op.results and is_side_effect_free(op) and not any(list(r.uses) for r in op.results):
            op.detach()
            op.erase()
