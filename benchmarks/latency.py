"""Microseconds that the host needs for a call of a kernel, by itself and inside ``torch.compile``, on the GPU at hand.

python benchmarks/latency.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

import flashlight_mlir
from flashlight_mlir.bridge.backend import flashlight

sys.path.insert(0, str(Path(__file__).parent.parent))
from examples.causal import causal


def microseconds(f: Callable[[], object], calls: int = 300) -> float:
    """Of the host alone: the GPU's work is short and is waited for once at the end."""
    for _ in range(20):
        f()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        f()
    host = time.perf_counter() - start
    torch.cuda.synchronize()
    return host / calls * 1e6


def main() -> None:
    q, k, v = (torch.randn(1, 2, 128, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    program = flashlight_mlir.compile(causal, q, k, v)
    (launcher,) = program._host.launchers.values()  # the floor of what a call can cost
    print(f"launcher           {microseconds(lambda: launcher(q, k, v)):6.1f}")
    print(f"flashlight.compile {microseconds(lambda: program(q, k, v)):6.1f}")
    with torch.no_grad():
        for title, backend in (("torch.compile flashlight", flashlight), ("torch.compile inductor", "inductor")):
            torch._dynamo.reset()
            compiled = torch.compile(causal, backend=backend)
            print(f"{title} {microseconds(lambda: compiled(q, k, v)):6.1f}")  # noqa: B023  (called at once)
    print(f"eager {microseconds(lambda: causal(q, k, v)):6.1f}")


if __name__ == "__main__":
    main()
