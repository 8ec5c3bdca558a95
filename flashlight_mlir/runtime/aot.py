"""Compile a printed kernel ahead of time, without a GPU, and read what came out: registers, spills, matrix instructions.

$ python -m flashlight_mlir.runtime.aot sm_90 < sources.json
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from flashlight_mlir.backend.source import KernelSource

POINTERS = {"int1": "i1", "float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "float64": "fp64"}


@dataclass(frozen=True)
class Compiled:
    """``spills`` in bytes, ``traffic`` what they cost; ``wgmma`` and ``mma`` count instructions in the PTX."""

    name: str
    target: str
    ptx: str
    registers: int
    spills: int
    shared: int
    wgmma: int
    mma: int
    traffic: float = 0.0
    """The largest share of a loop's instructions that move spilled registers."""


def signature(kernel: KernelSource) -> tuple[dict[str, str], dict[str, Any], dict[tuple[int, ...], Any]]:
    """Parameter types as a launch with aligned contiguous tensors would give them: last strides 1, the others multiples of 16."""
    types: dict[str, str] = {}
    constants: dict[str, Any] = {"WIDE": False}
    aligned: list[str] = []
    for k, t in enumerate((*kernel.inputs, *kernel.outputs)):
        types[f"p{k}"] = "*" + POINTERS.get(t.dtype, t.dtype.replace("int", "i"))
        aligned.append(f"p{k}")
        for axis in range(len(t.shape)):
            name = f"s{k}_{axis}"
            if axis == len(t.shape) - 1:
                types[name], constants[name] = "constexpr", 1
            else:
                types[name] = "i32"
                aligned.append(name)
    types |= {f"z{k}": "i32" for k in range(len(kernel.symbols))}
    types["WIDE"] = "constexpr"
    order = list(types)
    attrs = {(order.index(name),): [["tt.divisibility", 16]] for name in aligned}
    return types, constants, attrs


def compile_ahead(kernel: KernelSource, target: str = "sm_90") -> Compiled:
    """Compile for ``sm_80``, ``sm_90``, …; in another process where this one's Triton interprets."""
    triton: Any = import_module("triton")
    if triton.knobs.runtime.interpret:
        return compile_many([kernel], target)[0]
    from flashlight_mlir.runtime.launch import compile_source

    types, constants, attrs = signature(kernel)
    source = import_module("triton.compiler").ASTSource(
        fn=compile_source(kernel.source, kernel.name), signature=types, constexprs=constants, attrs=attrs
    )
    options = {"num_warps": kernel.warps, "num_stages": kernel.stages, "enable_fp_fusion": kernel.fuses_multiply_add}
    out: Any = triton.compile(
        source,
        target=import_module("triton.backends.compiler").GPUTarget("cuda", int(target.removeprefix("sm_")), 32),
        options=options,
    )
    registers, spills = usage(out.asm["cubin"])
    ptx: str = out.asm["ptx"]
    return Compiled(
        kernel.title,
        target,
        ptx,
        registers,
        spills,
        out.metadata.shared,
        len(re.findall(r"\bwgmma\.mma_async", ptx)),
        len(re.findall(r"\bmma\.sync", ptx)),
        spill_traffic(dump(out.asm["cubin"], "-sass")) if spills else 0.0,
    )


def dump(cubin: bytes, what: str) -> str:
    """What Triton's cuobjdump says of a kernel."""
    triton: Any = import_module("triton")
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        return subprocess.run([tool, what, path], capture_output=True, text=True, check=True).stdout


def usage(cubin: bytes) -> tuple[int, int]:
    """Registers a thread, and bytes of local memory (spills)."""
    text = dump(cubin, "-res-usage")
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", text)
    assert found, text
    return int(found[1]), int(found[2]) + int(found[3])


def spill_traffic(sass: str) -> float:
    """The largest share of local loads and stores among the instructions of a loop (what a backward branch spans)."""
    ops = [(int(m[1], 16), m[2]) for m in re.finditer(r"/\*([0-9a-f]{4,})\*/ +(?:@!?U?P\w+ +)?([A-Z][^;]*);", sass)]
    loops = [(int(m[1], 16), at) for at, op in ops if (m := re.match(r"BRA\b.*?0x([0-9a-f]+)", op)) and int(m[1], 16) < at]
    bodies = [[op for at, op in ops if low <= at <= high] for low, high in loops]
    return max((sum(op.startswith(("LDL", "STL")) for op in body) / len(body) for body in bodies), default=0.0)


def compile_many(kernels: list[KernelSource], target: str = "sm_90") -> list[Compiled]:
    """Compile in a fresh process without the interpreter."""
    env = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    request = json.dumps([_plain(k) for k in kernels])
    command = [sys.executable, "-m", "flashlight_mlir.runtime.aot", target]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-4000:])
    return [Compiled(**c) for c in json.loads(done.stdout)]


def _plain(kernel: KernelSource) -> dict[str, Any]:
    """What ``compile_ahead`` reads of a kernel, as JSON."""

    def tensor(t: Any) -> dict[str, Any]:
        return {"rank": len(t.shape), "dtype": t.dtype}

    return {
        "name": kernel.name, "source": kernel.source, "title": kernel.title, "warps": kernel.warps,
        "stages": kernel.stages, "symbols": kernel.symbols, "inputs": [tensor(t) for t in kernel.inputs],
        "outputs": [tensor(t) for t in kernel.outputs],
    }  # fmt: skip


def _rebuilt(plain: dict[str, Any]) -> KernelSource:
    from flashlight_mlir.backend.source import Tensor
    from flashlight_mlir.expr import Expr

    for side in ("inputs", "outputs"):
        plain[side] = tuple(Tensor((Expr.of(1),) * t["rank"], t["dtype"], (0,) * t["rank"]) for t in plain[side])
    return KernelSource(**plain, grid=())


if __name__ == "__main__":
    todo = [_rebuilt(p) for p in json.load(sys.stdin)]
    json.dump([asdict(compile_ahead(k, sys.argv[1])) for k in todo], sys.stdout)
