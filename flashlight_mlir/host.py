"""Run a host function: kernels are launched, every other op is run by torch in its own dtype.

Kernels run on the GPU that holds the inputs, or in Triton's interpreter where ``TRITON_INTERPRET=1`` was set before
Triton was imported; ``interpret`` starts a process of its own for that.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from flashlight_mlir.backend.triton import print_kernel
from flashlight_mlir.dialects.block import KernelOp
from flashlight_mlir.driver import parse
from flashlight_mlir.interpreters import Frame, entry, interpreter, run, size_bindings
from flashlight_mlir.runtime.launch import PLANS, Launcher


@register_impls
class Launches(InterpreterFunctions):
    """A lowered kernel is one launch."""

    def __init__(self, launchers: Mapping[KernelOp, Launcher], device: torch.device, sizes: Mapping[str, int]):
        self.launchers = launchers
        self.device = device
        self.sizes = sizes

    @impl(KernelOp)
    def run_kernel(self, _: Interpreter, op: KernelOp, args: PythonValues) -> PythonValues:
        return tuple(self.launchers[op](*args, device=self.device, sizes=self.sizes))


def launchers(module: ModuleOp) -> dict[KernelOp, Launcher]:
    """Each kernel of a lowered module, printed and ready to be launched."""
    kernels = [op for op in module.walk() if isinstance(op, KernelOp)]
    return {op: Launcher(print_kernel(op, k)) for k, op in enumerate(kernels)}


def interpreted() -> bool:
    """Triton runs kernels in its interpreter, in this process."""
    return os.environ.get("TRITON_INTERPRET") == "1"


class Host:
    """A lowered module, ready to be called; what the sizes of a call decide is kept for the next one."""

    def __init__(self, module: ModuleOp):
        self.module, self.func = module, entry(module)
        self.launchers = launchers(module)
        self._ready: dict[Hashable, Interpreter] = {}

    def __call__(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Run it on tensors of the function's types; ValueError where they do not fit."""
        key = tuple((x.shape, x.device) for x in inputs)
        if key not in self._ready:
            device = inputs[0].device if inputs else torch.device("cpu")
            frame = Frame(size_bindings(self.func, inputs), native=True, device=device)
            if len(self._ready) >= PLANS:
                self._ready.clear()
            self._ready[key] = interpreter(self.module, frame, Launches(self.launchers, device, frame.sizes))
        return run(self._ready[key], self.func, inputs, native=True)


def interpret(text: str, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Run the text of a lowered module in Triton's interpreter, in another process unless this one is set to."""
    inputs = [x.detach().cpu() for x in inputs]
    if interpreted():
        return Host(parse(text))(inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.pt"
        torch.save({"text": text, "inputs": inputs}, path)
        command = [sys.executable, "-m", "flashlight_mlir.host", str(path)]
        package = str(Path(__file__).parent.parent)
        paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": paths}
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"Triton's interpreter failed: {done.stderr.strip()[-2000:]}")
        return torch.load(path, weights_only=True)["outputs"]


def main() -> None:
    path = Path(sys.argv[1])
    program = torch.load(path, weights_only=True)
    torch.save({"outputs": Host(parse(program["text"]))(program["inputs"])}, path)


if __name__ == "__main__":
    main()
