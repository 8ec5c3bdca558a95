"""What a user can do about a node that is none of ours: nothing, mostly, and then no hint is given."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from flashlight_mlir.bridge.nodes import KEPT, tensors
from flashlight_mlir.frontend.handlers import HANDLERS

BACKWARD = "where no gradient is needed, call it under torch.no_grad() or torch.inference_mode()"

TF32 = 'torch.backends.cuda.matmul.fp32_precision = "tf32", where its rounding is good enough'


def advice(node: Node, device: torch.device) -> str | None:
    """For the node at which a chain ended."""
    around = [x for n in (node, *node.all_input_nodes) for x in tensors(n)]
    if any(x.device != device for x in around):
        return f"move the other tensors to {device}"
    if any(x.dtype == torch.float64 for x in around):
        return "compute in float32, float16 or bfloat16"
    target: Any = node.target
    known = str(target) in HANDLERS or any(x.dtype not in KEPT for x in around)
    return None if known or not hasattr(target, "namespace") else "docs/add-an-op.md says how an op is added"
