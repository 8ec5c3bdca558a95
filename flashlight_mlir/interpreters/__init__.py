"""Every level runs: ``evaluate`` executes a module of tensor, untiled loop or tiled loop IR with torch.

evaluate(module, [q, k, v])                         # float64; narrowing float casts are the identity
evaluate(module, [q, k, v], chunks=random.Random(0))  # folds in random chunks, merged by ``combine`` at random
evaluate(module, [q, k, v], native=True)            # every op in its own dtype: the host program
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter, InterpreterFunctions
from xdsl.interpreters.func import FuncFunctions

from flashlight_mlir.dialects.tensor_ext import TensorType
from flashlight_mlir.interpreters.frame import Chunks, Frame, bind_sizes
from flashlight_mlir.interpreters.loop import LoopFunctions
from flashlight_mlir.interpreters.pointwise import PointwiseFunctions, dtype_of
from flashlight_mlir.interpreters.tensor import TensorFunctions

__all__ = ["Chunks", "Frame", "bind_sizes", "entry", "evaluate", "interpreter", "run", "size_bindings"]


def entry(module: ModuleOp, name: str | None = None) -> FuncOp:
    """The host function: the first ``func.func`` of the module, or the one of that name."""
    for op in module.body.block.ops:
        if isinstance(op, FuncOp) and not op.is_declaration and name in (None, op.sym_name.data):
            return op
    raise ValueError(f"the module has no func.func{f' @{name}' if name else ''} with a body")


def size_bindings(func: FuncOp, inputs: Sequence[torch.Tensor], names: Sequence[str] | None = None) -> dict[str, int]:
    """The value of each size symbol at a call; ValueError where the inputs do not fit the function's types."""
    types = func.function_type.inputs.data
    if len(types) != len(inputs):
        raise ValueError(f"@{func.sym_name.data} takes {len(types)} inputs, got {len(inputs)}")
    shapes = [t.shape if isinstance(t, TensorType) else () for t in types]
    return bind_sizes(shapes, [tuple(x.shape) for x in inputs], names)


def interpreter(module: ModuleOp, frame: Frame, *more: InterpreterFunctions) -> Interpreter:
    """xDSL's interpreter with every level's functions; ``more`` replace some of them."""
    run = Interpreter(module)
    for functions in (FuncFunctions(), PointwiseFunctions(frame), TensorFunctions(frame), LoopFunctions(frame)):
        run.register_implementations(functions)
    for functions in more:
        run.register_implementations(functions, override=True)
    return run


def evaluate(
    module: ModuleOp,
    inputs: Sequence[torch.Tensor],
    *,
    chunks: Chunks = None,
    native: bool = False,
    function: str | None = None,
) -> list[torch.Tensor]:
    """Run the module's function (the first, or by name); floats are float64 unless ``native``."""
    func = entry(module, function)
    frame = Frame(size_bindings(func, inputs), native, chunks, inputs[0].device if inputs else torch.device("cpu"))
    return run(interpreter(module, frame), func, inputs, native)


def run(interpreter: Interpreter, func: FuncOp, inputs: Sequence[torch.Tensor], native: bool) -> list[torch.Tensor]:
    """Call a function on tensors."""
    args: list[torch.Tensor] = []
    for x, type in zip(inputs, func.function_type.inputs.data, strict=True):
        element = type.element_type if isinstance(type, TensorType) else type
        args.append(x if native else x.to(dtype_of(element)))
    try:
        return [torch.as_tensor(r) for r in interpreter.call_op(func.sym_name.data, tuple(args))]
    except Exception as error:
        error.__notes__ = []  # the interpreter appends the whole module for each level that the error passes
        raise
