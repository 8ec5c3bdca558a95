"""``fuse_graph``: find regions, compile them, splice kernels in; what cannot be done is left as it was, with a reason."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch._inductor.pattern_matcher import stable_topological_sort
from torch.fx import Graph, GraphModule, Node

from flashlight_mlir.bridge.build import build
from flashlight_mlir.bridge.failures import Failures
from flashlight_mlir.bridge.findings import GRAPH, Refusal, RegionReport
from flashlight_mlir.bridge.hints import BACKWARD, TF32, advice
from flashlight_mlir.bridge.key import key_of
from flashlight_mlir.bridge.nodes import tensors
from flashlight_mlir.bridge.options import Options, target_at_hand
from flashlight_mlir.bridge.pays import F32, left
from flashlight_mlir.bridge.regions import Region, find_regions, hoist_sizes, location
from flashlight_mlir.bridge.report import Report
from flashlight_mlir.bridge.specialize import specialize
from flashlight_mlir.bridge.splice import depends_on_itself, splice
from flashlight_mlir.bridge.standalone import file_of
from flashlight_mlir.bridge.trace import size_node, trace
from flashlight_mlir.frontend.locations import user_frame
from flashlight_mlir.program import Kernel


def fuse_graph(graph: Graph, options: Options, any_device: bool = False) -> Report:
    """Replace in ``graph`` what pays; never raises unless ``options.strict``. ``any_device``: not on GPUs only."""
    report = Report()
    if any(n.op == "placeholder" and n.name.startswith("tangents") for n in graph.nodes):
        report.refusals.append(Refusal(GRAPH, None, "it has a backward, which is Inductor's in this version", BACKWARD))
        return report
    for device in _devices(graph):
        if device.type != "cuda" and not any_device:
            report.refusals.append(Refusal(GRAPH, None, f"its tensors are on {device}", "move them to a GPU"))
            continue
        with _without_collection():
            _fuse_device(graph, device, options, report)
    if report.regions:
        stable_topological_sort(graph)
        graph.eliminate_dead_code()
        graph.lint()
    return report


@contextmanager
def _without_collection() -> Generator[None]:
    """Python's garbage collector walks all of torch's objects: one pass of it takes longer than a region."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _devices(graph: Graph) -> Iterable[torch.device]:
    return dict.fromkeys(x.device for n in graph.nodes if n.op == "call_function" for x in tensors(n))


def _fuse_device(graph: Graph, device: torch.device, options: Options, report: Report) -> None:
    target = options.target or target_at_hand()
    known = Known(graph, target)
    failures = Failures(report, options.strict)
    try:
        hoist_sizes(graph)
        regions, chains = find_regions(graph, device)
        for border in chains.borders:
            hint = advice(border.node, device)
            report.refusals.append(Refusal(str(border.node.target), location(border.node), border.reason, hint))
    except Exception as error:
        failures.add(error, None, target)
        return
    if not regions and not chains.borders:
        report.refusals.append(Refusal(GRAPH, None, "no contraction or reduction follows another"))
    for found in regions:
        region = found.after(known.replaced, known.gone)
        try:
            _fuse_region(region, known, report)
        except Exception as error:  # whatever fails in our part is left to Inductor
            failures.add(error, region, target)


@dataclass
class Done:
    """A compiled region, for all regions of its structure."""

    traced: GraphModule | None
    declined: Sequence[tuple[str, str | None]]
    entry: RegionReport
    sizes: Sequence[Node]
    """The traced graph's first inputs. Nodes, because torch may find two symbols equal later on."""


@dataclass
class Known:
    """What is known of regions by their structure, and what stands for the results of those that are done."""

    graph: Graph
    target: str
    done: dict[str, Done | Exception] = field(default_factory=dict[str, "Done | Exception"])
    reasons: dict[str, str | None] = field(default_factory=dict[str, str | None])
    replaced: dict[Node, Node] = field(default_factory=dict[Node, Node])
    gone: set[Node] = field(default_factory=set[Node])
    """What only regions that are done had needed."""
    settled: set[Node] = field(default_factory=set[Node])
    """What the regions that are done depend on."""

    def left(self, region: Region) -> str | None:
        key = key_of(region)
        if key not in self.reasons:
            self.reasons[key] = left(region)
        return self.reasons[key]

    def compiled(self, region: Region) -> Done:
        key = key_of(region)
        if key not in self.done:
            try:
                self.done[key] = _compile(self.graph, region, self.target)
            except Exception as error:  # regions of this structure fail alike
                self.done[key] = error
        if isinstance(found := self.done[key], Exception):
            raise found
        return found


def _fuse_region(region: Region, known: Known, report: Report) -> None:
    if not region.outputs:
        return
    last = region.members[-1]
    if (reason := known.left(region)) is not None:
        report.refusals.append(Refusal(str(last.target), location(last), reason))
        return
    specialize(region)
    found = known.compiled(region)
    if found.traced is None:
        for reason, place in found.declined or (("fuse found nothing to fuse", None),):
            node = next((n for n in reversed(region.members) if location(n) == place), last)
            report.refusals.append(Refusal(str(node.target), location(node), reason, TF32 if reason.startswith(F32) else None))
        return
    if depends_on_itself(region, found.sizes, known.settled):
        reason = "it and another region would each wait for what the other computes"
        report.refusals.append(Refusal(str(last.target), location(last), reason))
        return
    known.replaced |= splice(known.graph, region, found.traced, found.sizes)
    for node in reversed(region.nodes):
        if all(user in known.gone for user in node.users):
            known.gone.add(node)
    found.entry.copies += 1
    if found.entry not in report.regions:
        report.regions.append(found.entry)


def _compile(graph: Graph, region: Region, target: str) -> Done:
    built = build(region, target)
    found = {name: node for name, symbol in built.symbols.items() if (node := size_node(graph, symbol)) is not None}
    traced = trace(built, region, list(found), list(found.values())) if built.kernels else None
    kernels = tuple(Kernel(k.title, k.source, built.dims.get(k.title, {})) for k in built.kernels)
    text = file_of(region, built, traced, list(found.values())) if traced else ""
    entry = RegionReport(lines_of(region), kernels, built.bytes_saved, built.flops, built.ir, tuple(built.remarks), text)
    return Done(traced, tuple(dict.fromkeys(built.declined)), entry, list(found.values()))


def lines_of(region: Region) -> tuple[str, ...]:
    """The user's lines of its contractions and reductions, in order of appearance."""
    frames = (user_frame(n.meta.get("stack_trace") or "") for n in region.members)
    return tuple(dict.fromkeys(f"{f.file}:{f.line}" for f in frames if f))
