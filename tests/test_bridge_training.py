"""Graphs with a backward are Inductor's, with a reason; modes without one are ours; f32 products obey torch's precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from bridge import assert_same, compiled, fused, precision, qkv, regions, reports, softcap
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from flashlight_mlir.bridge.explain import explain

Inputs = list[torch.Tensor]


def grown(inputs: Inputs) -> Inputs:
    return [x.clone().requires_grad_() for x in inputs]


def saved(*_: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE


def selective(*inputs: torch.Tensor) -> torch.Tensor:
    contexts = partial(create_selective_checkpoint_contexts, saved)
    return checkpoint(softcap, *inputs, use_reentrant=False, context_fn=contexts)


TRAINED: dict[str, Callable[..., torch.Tensor]] = {
    "plain": softcap,
    "checkpoint": lambda *x: checkpoint(softcap, *x, use_reentrant=False),
    "selective": selective,
    "partly": lambda q, k, v: softcap(q.detach(), k, v) + q,
}


@pytest.mark.parametrize("name", TRAINED)
def test_gradients_are_eagers(name: str) -> None:
    f, inputs = TRAINED[name], qkv()
    ours, eagers = grown(inputs), grown(inputs)
    with reports() as found:
        assert_same(compiled(f)(*ours).square().sum().backward(), f(*eagers).square().sum().backward())
    for x, y in zip(ours, eagers, strict=True):
        torch.testing.assert_close(x.grad, y.grad, atol=1e-5, rtol=1e-5)
    assert regions(found) == 0
    assert [r.reason for report in found for r in report.refusals] == ["it has a backward, which is Inductor's in this version"]


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = torch.nn.Linear(16, 16)

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return softcap(self.project(q), k, v)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(mode: Callable[[], Any]) -> None:
    """Parameters and inputs that require gradients, outside of any backward."""
    layer, inputs = Layer().eval(), grown(qkv())
    with reports() as found:
        run = fused(layer)
        with mode():
            assert_same(run(*inputs), layer(*inputs))
    assert regions(found) == 1


def test_the_mode_changes_between_calls() -> None:
    """With a backward, without one, and again with: each graph is the right one."""
    layer, inputs = Layer(), qkv()
    with reports() as found:
        run = fused(layer)
        with torch.no_grad():
            assert_same(run(*inputs), layer(*inputs))
        loss = run(*inputs).sum()
        (ours,) = torch.autograd.grad(loss, [layer.project.weight])
        (eagers,) = torch.autograd.grad(layer(*inputs).sum(), [layer.project.weight])
        torch.testing.assert_close(ours, eagers, atol=1e-4, rtol=1e-4)
        with torch.no_grad():
            assert_same(run(*inputs), layer(*inputs))
    assert [len(r.regions) for r in found] == [1, 0]


def test_no_grad_inside_of_a_trained_function() -> None:
    """What is computed without gradients in a graph that has some is Inductor's as well."""

    def f(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            weight = softcap(q, k, v)
        return (weight * v).sum()

    ours, eagers = grown(qkv()), grown(qkv())
    with reports():
        fused(f)(*ours).backward()
    f(*eagers).backward()
    assert ours[0].grad is eagers[0].grad is None
    torch.testing.assert_close(ours[2].grad, eagers[2].grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "spelled"), [("none", "ieee"), ("ieee", "ieee"), ("tf32", "tf32")])
def test_f32_products_obey_torch(name: str, spelled: str) -> None:
    with precision(name):
        (region,) = explain(softcap, target="sm_90")(*qkv()).regions
    source = region.kernels[0].source
    found = {part.split('"')[1] for part in source.split("input_precision=")[1:]}
    assert found == {spelled}, found


@pytest.mark.parametrize("name", ["highest", "high"])
def test_f32_products_obey_the_older_switch(name: str) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        (region,) = explain(softcap, target="sm_90")(*qkv()).regions
    finally:
        torch.set_float32_matmul_precision(before)
    assert ('input_precision="tf32"' in region.kernels[0].source) == (name == "high")
