"""The importer: examples without calls, user lines, exact dtypes, and evaluator = eager in float64."""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from programs import Program, programs
from torch import nn
from torch.export import Dim
from xdsl.dialects.builtin import FileLineColLoc

from flashlight_mlir.diagnostics import CompileError
from flashlight_mlir.dialects.tensor_ext import CallOp, type_of
from flashlight_mlir.driver import parse
from flashlight_mlir.frontend.dtypes import DTYPES
from flashlight_mlir.frontend.fx import import_function
from flashlight_mlir.frontend.imported import Imported
from flashlight_mlir.interpreters import evaluate
from flashlight_mlir.interpreters.frame import value_of

by_name = pytest.mark.parametrize("program", programs(), ids=lambda p: p.name)
PROGRAMS = {p.name: p for p in programs()}


def double(x: Any) -> Any:
    return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x


def tensors(output: Any) -> list[torch.Tensor]:
    return [output] if isinstance(output, torch.Tensor) else [t for part in output for t in tensors(part)]


def calls(imported: Imported) -> list[str]:
    return [op.callee.data for op in imported.module.walk() if isinstance(op, CallOp)]


def check(f: Callable[..., Any], *inputs: Any, allowed: tuple[str, ...] = (), dynamic: Any = None) -> Imported:
    """Imports without calls (but ``allowed``), survives its text, has torch's dtypes, and evaluates as eager does."""
    imported = import_function(f, inputs, dynamic)
    assert set(calls(imported)) <= set(allowed)
    module = parse(str(imported.module))
    results = evaluate(module, imported.flatten(*inputs))
    eager = tensors(f(*inputs))
    last = imported.func.body.block.last_op
    assert last is not None
    assert [DTYPES[type_of(v).element_type] for v in last.operands] == [t.dtype for t in eager]
    wanted = tensors(f(*map(double, inputs)))
    for got, want in zip(tensors(imported.pack(results)), wanted, strict=True):
        assert got.shape == want.shape
        if want.is_floating_point():
            torch.testing.assert_close(got.double(), want.double(), rtol=1e-6, atol=1e-6, equal_nan=True)
        else:
            assert torch.equal(got.to(want.dtype), want)
    natives = evaluate(module, imported.flatten(*inputs), native=True)
    for got, want in zip(natives, eager, strict=True):
        assert got.dtype == want.dtype
        rough = 2e-2 if want.dtype.itemsize < 4 else 1e-5
        if want.is_floating_point():
            torch.testing.assert_close(got, want, rtol=rough, atol=rough, equal_nan=True)
        else:
            assert torch.equal(got, want)
    return imported


@by_name
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_examples(program: Program, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    check(program.function, *program.inputs(dtype))


@by_name
def test_ops_stand_at_the_users_lines(program: Program) -> None:
    imported = import_function(program.function, program.inputs())
    for op in imported.func.body.block.ops:
        at = op.location
        assert isinstance(at, FileLineColLoc), op
        assert Path(at.filename.data).name == program.path.name
        source = linecache.getline(str(program.path), at.line.data)
        assert source[at.column.data - 1 :].strip()


def test_columns() -> None:
    imported = import_function(PROGRAMS["causal"].function, PROGRAMS["causal"].inputs())
    text = PROGRAMS["causal"].path.read_text().splitlines()
    shown = {
        op.name: text[op.location.line.data - 1][op.location.column.data - 1 :]
        for op in imported.func.body.block.ops
        if isinstance(op.location, FileLineColLoc)
    }
    assert shown["pointwise.gt"] == 'j > i, float("-inf"))'
    assert shown["pointwise.exp"] == "torch.softmax(scores, dim=-1) @ v"


CAUSAL = """\
func.func @causal(%q: T<2, 3, S, 16 : f16>, %k: T<2, 3, S, 16 : f16>, %v: T<2, 3, S, 16 : f16>) -> T<2, 3, S, 16 : f16> {
  %0 = tensor_ext.contract %q[b, h, i, k], %k[b, h, j, k] -> [b, h, i, j] : T<2, 3, S, S : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : T<2, 3, S, S : f16>
  %3 = tensor_ext.iota axis 1 : T<S, S : i64>
  %4 = tensor_ext.iota axis 0 : T<S, S : i64>
  %5 = pointwise.gt %3, %4 : T<S, S : i1>
  %6 = tensor_ext.broadcast %5 along [2, 3] : T<2, 3, S, S : i1>
  %7 = arith.constant 0xfff0000000000000 : f64
  %8 = pointwise.select %6, %7, %2 : T<2, 3, S, S : f16>
  %9 = pointwise.cast %8 : T<2, 3, S, S : f32>
  %10 = tensor_ext.reduce max %9 over [3] : T<2, 3, S : f32>
  %11 = tensor_ext.broadcast %10 along [0, 1, 2] : T<2, 3, S, S : f32>
  %12 = pointwise.sub %9, %11 : T<2, 3, S, S : f32>
  %13 = pointwise.exp %12 : T<2, 3, S, S : f32>
  %14 = tensor_ext.reduce sum %13 over [3] : T<2, 3, S : f32>
  %15 = tensor_ext.broadcast %14 along [0, 1, 2] : T<2, 3, S, S : f32>
  %16 = pointwise.div %13, %15 : T<2, 3, S, S : f32>
  %17 = pointwise.cast %16 : T<2, 3, S, S : f16>
  %18 = tensor_ext.contract %17[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : T<2, 3, S, 16 : f16>
  func.return %18 : T<2, 3, S, 16 : f16>
}"""
VARIANCE = """\
func.func @variance(%x: T<5, 100 : f16>) -> T<5 : f16> {
  %0 = pointwise.cast %x : T<5, 100 : f32>
  %1 = arith.constant 1.000000e+00 : f64
  %2 = tensor_ext.broadcast %1 along [] : T<5, 100 : f32>
  %3 = tensor_ext.reduce sum %2 over [1] : T<5 : f32>
  %4 = tensor_ext.reduce sum %0 over [1] : T<5 : f32>
  %5 = pointwise.div %4, %3 : T<5 : f32>
  %6 = tensor_ext.broadcast %5 along [0] : T<5, 100 : f32>
  %7 = pointwise.sub %0, %6 : T<5, 100 : f32>
  %8 = pointwise.mul %7, %7 : T<5, 100 : f32>
  %9 = tensor_ext.reduce sum %8 over [1] : T<5 : f32>
  %10 = pointwise.sub %3, %1 : T<5 : f32>
  %11 = pointwise.div %9, %10 : T<5 : f32>
  %12 = pointwise.cast %11 : T<5 : f16>
  func.return %12 : T<5 : f16>
}"""


@pytest.mark.parametrize(("name", "axes", "wanted"), [("causal", {2: Dim("S")}, CAUSAL), ("variance", None, VARIANCE)])
def test_text(name: str, axes: Any, wanted: str) -> None:
    program = PROGRAMS[name]
    inputs = program.inputs()
    imported = import_function(program.function, inputs, None if axes is None else [axes] * len(inputs))
    text = str(imported.func).replace("!tensor_ext.tensor", "T")
    assert text == wanted


@pytest.mark.parametrize("name", ["gqa_repeat_interleave", "gqa_expand", "gqa_view"])
@pytest.mark.parametrize("groups", [3, 7, 8])
def test_grouped_queries_share_keys(name: str, groups: int) -> None:
    program = PROGRAMS[name]
    imported = check(program.function, *program.inputs(groups=groups))
    text = str(imported.module)
    assert text.count("tensor_ext.contract") == 2
    if name == "gqa_view":
        assert text.count("-> [b, h, g, i, j]") == 2
        assert "%k[b, h, j, k]" in text
    else:
        assert text.count("-> [b, h, i, j]") == 2
        assert "broadcast %k along [0, 1, 3, 4]" in text


def test_two_ways_of_repeating_are_one_program() -> None:
    texts = [
        str(import_function(p.function, p.inputs()).module) for p in programs() if p.name in ("gqa_expand", "gqa_repeat_interleave")
    ]
    assert re.sub(r"@\w+", "", texts[0]) == re.sub(r"@\w+", "", texts[1])


def test_symbols() -> None:
    program = PROGRAMS["full"]
    q, t = Dim("queries", min=2, max=4096), Dim("keys")
    shapes = {"q": {2: q}, "k": {2: t}, "v": {2: t}}
    imported = check(program.function, *program.inputs(keys=23), dynamic=shapes)
    assert imported.symbols == {"QUERIES": (0, 2), "KEYS": (1, 2)}
    assert imported.ranges["QUERIES"] == (2, 4096)
    inputs = program.inputs(length=5, keys=41)
    (out,) = evaluate(imported.module, imported.flatten(*inputs))
    torch.testing.assert_close(out, program.function(*map(double, inputs)))


@by_name
def test_every_size_a_symbol(program: Program) -> None:
    inputs = program.inputs()
    axes = [dict.fromkeys((k for k, n in enumerate(x.shape) if n > 1), Dim.AUTO) for x in inputs]
    imported = check(program.function, *inputs, dynamic=axes)
    assert imported.symbols
    for a, b in imported.relations:
        assert program.name.startswith("gqa"), (str(a), str(b))


def test_relations_that_the_trace_found() -> None:
    program = PROGRAMS["gqa_expand"]
    shapes = {"q": {1: Dim("H")}, "k": {1: Dim("G")}, "v": {1: Dim("G")}}
    imported = import_function(program.function, program.inputs(), {k: dict.fromkeys(v, Dim.AUTO) for k, v in shapes.items()})
    for heads, groups, holds in ((6, 2, True), (8, 4, True), (7, 2, False)):
        env = {"S0": heads, "S1": groups, "S2": groups}
        found = [value_of(a, env) == value_of(b, env) for a, b in imported.relations]
        assert found
        assert all(found) == holds


def test_numbers_from_sizes() -> None:
    def f(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n = x.shape[1]
        return x / n, x * n**-0.5, x + 1 / n, x * math.sqrt(n), x.sum(1) / (n - 1), x * (n // 2), x[:, 1:], x[:, -2:]

    imported = check(f, X, dynamic=[{1: Dim("N", min=2)}])
    x = normal(4, 9)
    for got, want in zip(evaluate(imported.module, [x]), f(x.double()), strict=True):
        torch.testing.assert_close(got, want)


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(dtype)


X, Y, W = normal(4, 6), normal(4, 6) + 2, normal(6, 5)
N, P = torch.arange(-12, 12).reshape(4, 6), torch.arange(24).reshape(4, 6) % 4
OPS: dict[str, tuple[Any, ...]] = {
    "scalars": (lambda x: 2 - x * 3 + x / 7 - 1 / (x.abs() + 1), X),
    "alpha": (lambda x, y: torch.add(x, y, alpha=2) - torch.sub(x, y, alpha=3), X, Y),
    "int and float": (lambda i, x: i * x + i / 2 + (i > 0.5) + (i == x), N, X),
    "int with weak float": (lambda i: (i + 1.5, i * 2, i > 1.5), N),
    "int32 and int64": (lambda i: (i.int() + i, i.int() + 1, i.int() / 2), N),
    "half and 0-d float": (lambda x: x * torch.tensor(0.5), X.half()),
    "half and float": (lambda x, y, z: (x * y + z, x + z, torch.cat([x, y])), X.half(), Y, X.bfloat16()),
    "python division": (lambda i: (i // 5, i % 5, -i // 3, torch.fmod(i, 5), torch.div(i, 5, rounding_mode="trunc")), N),
    "float division": (lambda x: (x // 0.5, x % 0.5, torch.fmod(x, 0.5)), X),
    "bits": (lambda i, p: (i & p, i | p, i ^ p, ~i, p << 2, i >> 1), N, P),
    "logic": (lambda i, x: ((i > 0) & (x < 0), (i > 0) | (x < 0), ~(x > 0), torch.logical_and(i, x), (x > 0) ^ (i > 0)), N, X),
    "bool arithmetic": (lambda x: ((x > 0) * x, (x > 0).sum(-1), (x > 0).float().mean(), (x > 0) + 1), X),
    "powers": (lambda x, y: (x**2, x**3, x.abs() ** 0.5, y.abs() ** -1, y.abs() ** y, 2**x, y.abs() ** -0.5), X, Y),
    "unary": (lambda x: [f(x) for f in (torch.exp, torch.exp2, torch.expm1, torch.tanh, torch.sigmoid, torch.erf, torch.sin,
              torch.cos, torch.tan, torch.atan, torch.floor, torch.ceil, torch.trunc, torch.round, torch.sign, torch.neg)], X),
    "logs": (lambda y: [f(y.abs()) for f in (torch.log, torch.log2, torch.log1p, torch.log10, torch.sqrt, torch.rsqrt)], Y),
    "unary on integers": (lambda p: (torch.exp(p), torch.sqrt(p), torch.sigmoid(p), p.abs(), -p), P),
    "activations": (lambda x: (F.relu(x), F.silu(x), F.gelu(x), F.gelu(x, approximate="tanh"), F.softplus(x), F.elu(x),
                    F.leaky_relu(x), F.logsigmoid(x), F.hardtanh(x), F.mish(x)), X),
    "activations in half": (lambda x: (F.relu(x), F.silu(x), F.gelu(x)), X.half()),
    "clamps": (lambda x, y: (x.clamp(-1, 1), x.clamp(min=y), x.clamp(max=0), torch.maximum(x, y), torch.minimum(x, y)), X, Y),
    "classes": (lambda x: (torch.isinf(1 / x.relu()), torch.isnan(x / x.relu()), torch.isfinite(1 / x.relu()),
                torch.isneginf(-1 / x.relu()), torch.nan_to_num(1 / x.relu(), posinf=9.0)), X),
    "where": (lambda x, y: (torch.where(x > 0, x, y), torch.where(x > 0, 1.0, 0.0), torch.where(x > 0, x, 0),
              x.masked_fill(y > 2, -math.inf)), X, Y),
    "views": (lambda x: (x.view(2, 2, 6).transpose(0, 2).reshape(6, 4), x[None, :, None].squeeze(0), x.T.flatten(),
              x.unflatten(1, (2, 3)).permute(2, 0, 1), x.expand(3, 4, 6), x.repeat(2, 3), x.movedim(0, 1)), X),
    "slices": (lambda x: (x[1:, ::2], x[-2:], x[:, -3:-1], x[0], x[:, -1], x[..., 1:100], x[2:1]), X),
    "pieces": (lambda x: (*x.split(2), *x.chunk(4, 1), *x.unbind(1), *torch.split(x, [1, 3], 0)), X),
    "joined": (lambda x, y: (torch.cat([x, y], 1), torch.stack([x, y], 1), F.pad(x, (1, 2)),
               F.pad(x, (1, 2, 0, 3), value=-math.inf), F.pad(x, (-1, 2)), torch.roll(x, 1, 0), x.flip(0)), X, Y),
    "rotate half": (lambda x: torch.cat([-x[..., 3:], x[..., :3]], -1), X),
    "reductions": (lambda x: (x.sum(), x.sum(-1), x.sum((0, 1)), x.prod(1), x.amax(1, keepdim=True), x.amin(), x.max(), x.mean(),
                   x.mean(0), x.var(), x.var(0, correction=0), x.std(1), x.max(1).values, x.min(0)[0], x.norm(dim=-1)), X),
    "integer reductions": (lambda i: (i.sum(1), i.sum(), i.amax(0), i.int().sum(1), (i > 0).any(1), (i > 0).all(), i.any(0)), N),
    "sums in half": (lambda x: (x.sum(-1), x.mean(-1), x.sum(-1, dtype=torch.float32), x.var(-1)), X.half()),
    "softmaxes": (lambda x: (x.softmax(0), x.log_softmax(1), x.logsumexp(1), F.normalize(x, dim=-1), F.softmin(x, -1)), X),
    "norms": (lambda x: (F.layer_norm(x, (6,)), F.layer_norm(x, (4, 6)), F.rms_norm(x, (6,)),
              F.group_norm(x[None].expand(1, 4, 6), 2)), X),
    "products": (lambda x, w: (x @ w, x @ w[:, 0], x[0] @ w, x[0] @ x[1], F.linear(x, w.T, w[0]), torch.outer(x[0], w[0]),
                 torch.addmm(w[:4], x, w[:, :5], beta=2, alpha=3)), X, W),
    "einsum": (lambda a, b: (torch.einsum("bhqd,bhkd->bhqk", a, b), torch.einsum("bhqd,ghkd->bgqk", a, b),
               torch.einsum("bqhd,bqhd->bh", a, b)), normal(2, 3, 4, 5), normal(2, 3, 4, 5)),
    "batches": (lambda a, w: (a @ w, a @ a.transpose(1, 2), torch.baddbmm(a @ a.mT, a, a.mT, beta=0.5)), normal(2, 4, 6), W),
    "ranges": (lambda x: (x + torch.arange(6), x * torch.arange(1, 12, 2), torch.arange(0.0, 1.5, 0.25) + x, torch.eye(4)[:, :1] * x,
               torch.zeros(4, 6) + x, torch.ones_like(x), torch.full((2,), 7)), X),
    "triangles": (lambda x: (x.tril(), x.triu(1), torch.ones(4, 4).tril(-1).bool(), x + torch.full((4, 6), -math.inf).triu(1)), X),
    "gathers": (lambda x, p: (x[p[:, 0]], x[:, p[0]], x.gather(1, p), (x * 2).gather(1, p[:, :1]), (x * 2).gather(0, p[:1]),
                x.index_select(1, p[0]), F.embedding(p, x), x[p[0], p[1]], x[-p[:, 0] - 1], (x > 0).gather(1, p[:, :1]),
                torch.take_along_dim(x, p, 1)), X, P),
    "constants": (lambda x: x * torch.tensor([1.0, 2, 3, 4, 5, 6]) + torch.tensor(0.5) + torch.tensor(2), X),
    "in place": (lambda x: x.clone().mul_(2).add_(1), X),
    "losses": (lambda x, p: (F.cross_entropy(x, p[:, 0]), F.mse_loss(x, x * 2), F.kl_div(x, x.softmax(-1), reduction="sum")), X, P),
}  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_ops(name: str) -> None:
    f, *inputs = OPS[name]
    check(f, *inputs)


def test_attention_function() -> None:
    q, k, v = normal(2, 4, 7, 8), normal(2, 4, 9, 8), normal(2, 4, 9, 8)
    mask = torch.rand(7, 9) > 0.5
    mask[3] = False
    sdpa = F.scaled_dot_product_attention
    check(lambda q, k, v: sdpa(q, k, v), q, k, v)
    check(lambda q, k, v: sdpa(q, k, v, is_causal=True, scale=0.3), q, k, v)
    check(lambda q, k, v: sdpa(q, k[:, :2], v[:, :2], enable_gqa=True), q, k, v)
    check(lambda q, k, v, m: sdpa(q, k, v, attn_mask=m), q, k, v, mask)
    check(lambda q, k, v, m: sdpa(q, k, v, attn_mask=torch.where(m, 0.0, -math.inf)), q, k, v, mask)


def test_what_has_no_spelling_is_called() -> None:
    imported = check(lambda x: x.cumsum(1) + x.sort(1).values * 2, X, allowed=("aten.cumsum.default", "aten.sort.default"))
    assert sorted(calls(imported)) == ["aten.cumsum.default", "aten.sort.default"]


def test_modules_and_structure() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5)).double().float()
    imported = import_function(model, (X,))
    assert [a.name for a in imported.arguments] == ["input", "0.weight", "0.bias", "1.weight", "1.bias"]
    (got,) = evaluate(imported.module, imported.flatten(X), native=True)
    torch.testing.assert_close(got, model(X))

    def nested(pair: tuple[torch.Tensor, torch.Tensor], scale: float, flag: bool) -> dict[str, Any]:
        return {"sum": pair[0] + pair[1] * scale, "flag": flag, "pair": [pair[0] * 2, None]}

    imported = import_function(nested, ((X, Y), 0.5, True))
    out = imported.pack(evaluate(imported.module, imported.flatten((X, Y), 0.5, True), native=True))
    assert out["flag"] is True
    assert out["pair"][1] is None
    torch.testing.assert_close(out["sum"], X + Y * 0.5)
    with pytest.raises(ValueError, match=r"input 2 should be 0\.5"):
        imported.flatten((X, Y), 0.25, True)


def test_one_tensor_given_twice_stays_two_inputs() -> None:
    imported = import_function(lambda a, b: a + b, (X, X))
    (got,) = evaluate(imported.module, imported.flatten(X, Y), native=True)
    torch.testing.assert_close(got, X + Y)


@pytest.mark.parametrize(
    ("f", "inputs", "message"),
    [
        (lambda x: x.double() * 2, (X,), r"'aten._to_copy.default': values of torch.float64 are not supported"),
        (lambda x: x * 2, (X.double(),), "the input 'x': values of torch.float64 are not supported"),
        (lambda x: x * 1j, (X,), "values of torch.complex64 are not supported"),
        (lambda x: x + torch.rand(6), (X,), "draws random numbers"),
        (lambda x: x.add_(1), (X,), "changes its input or buffer 'x' in place"),
        (lambda x: x.nonzero(), (X,), "a size that depends on the data"),
        (lambda x: x if x.sum() > 0 else -x, (X,), "torch.export cannot trace this"),
        (lambda x: x @ x, (X,), "torch.export cannot trace this"),
        (lambda x, y: x, (X,), "do not fit the signature"),
    ],
)
def test_errors(f: Callable[..., Any], inputs: tuple[Any, ...], message: str) -> None:
    with pytest.raises(CompileError, match=message) as e:
        import_function(f, inputs)
    assert "\n" not in str(e.value)
