"""``torch.compile(f, backend="flashlight")``: Inductor, with our pass at its joint graph.

Source: the entry point ``torch_dynamo_backends``; Inductor's ``joint_custom_pre_pass``, which runs before its own patterns.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch._inductor import config
from torch._inductor.compile_fx import compile_fx

from flashlight_mlir.bridge.graph_pass import FusePass
from flashlight_mlir.bridge.options import split

log = logging.getLogger(__name__)
HOOK = "joint_custom_pre_pass"


def flashlight(
    gm: torch.fx.GraphModule, example_inputs: Sequence[Any], *, mode: str | None = None, options: Mapping[str, Any] | None = None
) -> Any:
    """Compile one of Dynamo's graphs. ``options``: ``strict``, ``target``, and Inductor's own; ValueError for any other."""
    ours, theirs = split(options, mode)
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        _tell_that_there_is_no_gpu()
    default: Any = getattr(config, HOOK)
    users: Any = theirs.pop(HOOK, None) or default
    patches = {**theirs, HOOK: FusePass(ours, users)}
    return compile_fx(gm, list(example_inputs), config_patches=patches)


@cache
def _tell_that_there_is_no_gpu() -> None:
    log.warning("there is no GPU: Inductor compiles alone (with TRITON_INTERPRET=1 kernels run in Triton's interpreter)")
