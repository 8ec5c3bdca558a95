"""What a GPU is to us: the numbers that tile sizes and cost models read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """``shared``: bytes a program may have; ``flops``: dense 16-bit matrix operations a second; ``bandwidth``: bytes a second."""

    target: str
    processors: int
    shared: int
    bandwidth: float
    flops: float
    registers: int = 65536
    """32-bit registers of a processor."""
    most_registers: int = 255
    """Registers that a thread may have."""
    reads_shared: bool = False
    """Matrix instructions read their operands from shared memory (wgmma), not from registers."""


MACHINES: dict[str, Machine] = {
    m.target: m
    for m in (
        Machine("sm_80", processors=108, shared=163 * 1024, bandwidth=2.0e12, flops=312e12),
        Machine("sm_86", processors=84, shared=99 * 1024, bandwidth=0.77e12, flops=150e12),
        Machine("sm_89", processors=128, shared=99 * 1024, bandwidth=1.0e12, flops=165e12),
        Machine("sm_90", processors=132, shared=227 * 1024, bandwidth=3.35e12, flops=989e12, reads_shared=True),
        Machine("sm_120", processors=170, shared=99 * 1024, bandwidth=1.79e12, flops=210e12),
    )
}
DEFAULT = MACHINES["sm_90"]


def machine(target: str) -> Machine:
    """The machine of a target such as ``sm_90``; an unknown one gets the nearest that is not newer."""
    wanted = int(target.removeprefix("sm_"))
    older = [m for m in MACHINES.values() if int(m.target[3:]) <= wanted]
    return older[-1] if older else MACHINES["sm_80"]
