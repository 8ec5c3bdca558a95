"""``torch.compile(f, backend="flashlight")``: Inductor, with our pass at its joint graph.

Source: the entry point ``torch_dynamo_backends``; Inductor's ``joint_custom_pre_pass``, which runs before its own patterns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch._inductor.compile_fx import compile_fx

from flashlight_mlir.bridge.graph_pass import FusePass
from flashlight_mlir.bridge.options import split


def flashlight(
    gm: torch.fx.GraphModule, example_inputs: Sequence[Any], *, mode: str | None = None, options: Mapping[str, Any] | None = None
) -> Any:
    """Compile one of Dynamo's graphs. ``options``: ``strict``, ``target``, and Inductor's own; ValueError for any other."""
    ours, theirs = split(options, mode)
    users: Any = theirs.pop("joint_custom_pre_pass", None) or torch._inductor.config.joint_custom_pre_pass
    patches = {**theirs, "joint_custom_pre_pass": FusePass(ours, users)}
    return compile_fx(gm, list(example_inputs), config_patches=patches)
