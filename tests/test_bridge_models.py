"""Attention layers of real models, tiny and with random weights, in their eager form: each is one region with one kernel."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from bridge import fused, regions, reports
from torch.utils._pytree import tree_leaves

import flashlight_mlir
from flashlight_mlir.bridge.report import RegionReport, Report

T: Any = pytest.importorskip("transformers", reason="pip install flashlight-mlir[dev]")

WIDTHS: dict[str, int] = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 99,
}
DECODER: dict[str, Any] = {**WIDTHS, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
IMAGE: dict[str, int] = {k: n for k, n in WIDTHS.items() if k != "vocab_size"} | {"image_size": 32, "patch_size": 4}
BOTH: dict[str, int] = {
    f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 1), ("attention_heads", 4), ("ffn_dim", 64))
}
XLNET: dict[str, int] = {"d_model": 64, "n_layer": 2, "n_head": 4, "d_inner": 64, "vocab_size": 99}
Inputs = dict[str, Any]


def ids(length: int = 40) -> torch.Tensor:
    return torch.arange(2 * length).reshape(2, length) * 37 % 96 + 3


def padded() -> torch.Tensor:
    return (torch.arange(40) < torch.tensor([[40], [30]])).long()


def pixels() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 32, 32)


def model(name: str, **config: Any) -> torch.nn.Module:
    """A model of ``transformers`` in eval mode and half precision, every dropout at its default."""
    torch.manual_seed(0)
    found = getattr(T, f"{name}Model")._from_config(
        getattr(T, f"{name.removesuffix('Text')}Config")(**config), attn_implementation="eager"
    )
    return found.half().eval()


def decoder(name: str, **config: Any) -> Callable[[], tuple[torch.nn.Module, Inputs]]:
    return lambda: (model(name, **{**DECODER, **config}), {"input_ids": ids(), "use_cache": False})


def encoder(name: str, **config: Any) -> Callable[[], tuple[torch.nn.Module, Inputs]]:
    return lambda: (model(name, **{**WIDTHS, **config}), {"input_ids": ids(), "attention_mask": padded()})


FAMILIES: dict[str, tuple[int, Callable[[], tuple[torch.nn.Module, Inputs]]]] = {
    "llama": (2, decoder("Llama")),
    "llama, its cache written": (2, lambda: (model("Llama", **DECODER), {"input_ids": ids(), "use_cache": True})),
    "llama, padded": (2, lambda: (model("Llama", **DECODER), {"input_ids": ids(), "attention_mask": padded(), "use_cache": False})),
    "gemma2, softcap and window": (2, decoder("Gemma2", head_dim=16, sliding_window=16)),
    "gpt-oss, sinks": (2, decoder("GptOss", head_dim=16, num_local_experts=2, num_experts_per_tok=1, sliding_window=16)),
    "falcon, alibi": (2, decoder("Falcon", alibi=True)),
    "bert": (2, encoder("Bert")),
    "bert, weights returned": (
        2,
        lambda: (model("Bert", **WIDTHS), {"input_ids": ids(), "attention_mask": padded(), "output_attentions": True}),
    ),
    "deberta-v2, gathers": (
        2,
        encoder("DebertaV2", relative_attention=True, position_buckets=16, pos_att_type=["c2p", "p2c"], share_att_key=True),
    ),
    "t5, relative bias": (
        3,
        lambda: (
            model("T5", vocab_size=99, d_model=64, d_kv=16, d_ff=64, num_layers=1, num_heads=4),
            {"input_ids": ids(), "attention_mask": padded(), "decoder_input_ids": ids(24), "use_cache": False},
        ),
    ),
    "bart, cross": (
        3,
        lambda: (
            model("MBart", d_model=64, vocab_size=99, max_position_embeddings=64, pad_token_id=0, **BOTH),
            {"input_ids": ids(), "decoder_input_ids": ids(24), "use_cache": False},
        ),
    ),
    "vit": (2, lambda: (model("ViT", **IMAGE), {"pixel_values": pixels()})),
    "beit, bias from a table": (2, lambda: (model("Beit", use_relative_position_bias=True, **IMAGE), {"pixel_values": pixels()})),
    "xlnet, relative shift": (2, lambda: (model("XLNet", **XLNET), {"input_ids": ids()})),
    "perceiver, latents": (
        3,
        lambda: (
            model(
                "Perceiver", num_latents=24, d_latents=64, d_model=48, num_blocks=1, num_self_attends_per_block=2,
                num_self_attention_heads=4, num_cross_attention_heads=4,
            ),
            {"inputs": torch.randn(2, 40, 48).half()},
        ),
    ),
}  # fmt: skip


@cache
def explained(name: str) -> Report:
    module, inputs = FAMILIES[name][1]()
    halves = {k: v.half() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for k, v in inputs.items()}
    with torch.no_grad():
        return flashlight_mlir.explain(module, target="sm_90")(**halves)


def is_attention(region: RegionReport) -> bool:
    """One kernel that holds scores, exponentials and the product with the values."""
    (source,) = (k.source for k in region.kernels)
    return len(re.findall(r"tl\.dot\(", source)) >= 2 and "tl.exp2(" in source


@pytest.mark.parametrize("name", FAMILIES)
def test_every_attention_layer_is_one_kernel(name: str) -> None:
    report = explained(name)
    assert not [r for r in report.refusals if re.match(r"\w+(Error|Exception|Unsupported)\b", r.reason)], report
    assert sum(r.copies for r in report.regions if is_attention(r)) == FAMILIES[name][0], report


def test_equal_layers_are_compiled_once() -> None:
    (region,) = [r for r in explained("llama").regions if is_attention(r)]
    assert region.copies == 2


@pytest.mark.parametrize("name", ["gemma2, softcap and window", "bert, weights returned"])
def test_outputs_are_as_near_to_float64_as_eagers(name: str) -> None:
    layers, make = FAMILIES[name]
    module, inputs = make()
    with torch.no_grad(), reports() as found:
        eager = floats(module(**inputs))
        ours = floats(fused(module)(**inputs))
        exact = floats(module.double()(**inputs))
    assert regions(found) >= layers
    assert len(ours) == len(eager) == len(exact)
    for x, e, r in zip(ours, eager, exact, strict=True):
        assert (x.dtype, x.shape) == (e.dtype, e.shape)
        own, theirs = (x.double() - r).abs(), (e.double() - r).abs()
        rounded = r.half()
        u = 2 * (rounded + 0.3 - 0.3 - rounded).abs().max().item()
        assert own.mean() <= 1.1 * theirs.mean() + u / 8
        assert own.max() <= 2 * theirs.max() + u


def floats(output: Any) -> list[torch.Tensor]:
    return [x for x in tree_leaves(output) if isinstance(x, torch.Tensor) and x.is_floating_point()]


def test_a_table_that_is_cut_to_a_symbolic_length() -> None:
    """MPT's biases are the last of 256: their number is 256 - max(0, 256 - S), which the scores call S."""
    module = model("Mpt", d_model=64, n_heads=4, n_layers=2, vocab_size=99, max_seq_len=256).float()
    ours = fused(module, dynamic=True)
    with torch.no_grad(), reports() as found:
        for length in (24, 37):
            inputs: Inputs = {"input_ids": ids(length), "use_cache": False}
            for got, want in zip(floats(ours(**inputs)), floats(module(**inputs)), strict=True):
                torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    assert regions(found) == 2
