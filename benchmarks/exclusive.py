"""Compile in several processes, time in one of them at once."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch


@contextmanager
def exclusive() -> Iterator[None]:
    """No other benchmark times inside; what this process does not need of the GPU's memory is given back before it waits."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    with (Path(tempfile.gettempdir()) / "flashlight-benchmark.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        torch.cuda.synchronize()
    torch.cuda.empty_cache()
