"""``explain(f, target="sm_90")(*args)``: what ``torch.compile(f, backend="flashlight")`` would fuse and refuse, and why.

report = flashlight_mlir.explain(model, target="sm_90")(x)
print(report)                       # regions with their kernels, refusals with op, line and reason
report.regions[0].kernels[0].source

No GPU is needed: Inductor's path is followed up to our pass, with the rules of ``target``, and the graphs then run eagerly.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo import reset
from torch._functorch.aot_autograd import make_boxed_func  # pyright: ignore[reportPrivateImportUsage]
from torch._inductor.compile_fx import compile_fx
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch.fx import Graph

from flashlight_mlir.bridge.fuse_graph import fuse_graph
from flashlight_mlir.bridge.options import Options
from flashlight_mlir.bridge.report import Report


class _Observe(CustomGraphPass):
    """Fuses a copy of each graph."""

    def __init__(self, options: Options, report: Report):
        self.options, self.report = options, report

    def __call__(self, graph: Graph) -> None:
        owner: Any = graph.owning_module
        twin = copy.copy(owner)
        twin.graph = copy.deepcopy(graph)
        self.report.add(fuse_graph(twin.graph, self.options, any_device=True))

    def uuid(self) -> None:
        return None


def explain(f: Callable[..., Any], *, target: str | None = None, dynamic: bool | None = None) -> Callable[..., Report]:
    """A function of ``f``'s arguments that runs ``f`` once, eagerly, and answers with a ``Report``.

    ``target`` is a GPU generation (``sm_90``), by default the one at hand; ``dynamic`` as for ``torch.compile``.
    """

    def explained(*args: Any, **kwargs: Any) -> Report:
        report = Report()
        patches = {"joint_custom_pre_pass": _Observe(Options(target=target), report), "fx_graph_cache": False}

        def run_eagerly(gm: torch.fx.GraphModule, _: Any, **__: Any) -> Any:
            return make_boxed_func(gm.forward)

        def backend(gm: torch.fx.GraphModule, inputs: Any) -> Any:
            return compile_fx(gm, inputs, inner_compile=run_eagerly, config_patches=patches)

        reset()
        compiled: Any = torch.compile(f, backend=backend, dynamic=dynamic)  # pyright: ignore[reportUnknownMemberType]
        compiled(*args, **kwargs)
        reset()
        return report

    return explained
