"""The evaluators themselves: against torch, and against programs that are wrong on purpose."""

from __future__ import annotations

import random

import pytest
import torch
from levels import assert_same

from flashlight_mlir.dialects import pointwise
from flashlight_mlir.driver import parse
from flashlight_mlir.expr import Expr
from flashlight_mlir.interpreters import evaluate
from flashlight_mlir.interpreters.call import parse_args, resolve
from flashlight_mlir.interpreters.frame import bind_sizes
from flashlight_mlir.interpreters.pointwise import TABLE

F32 = "!tensor_ext.tensor<S, T : f32>"
ROWS = "!tensor_ext.tensor<S : f32>"

SOFTMAX_SUM = """
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>) {
  %r, %t = loop.kernel @k(%X = %x) dims [i = S, j = T] SCHEDULE {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = loop.reduce max %0 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %1 : !loop.tile<i : f32>
      %a0 = pointwise.sub %m0, %m1 : !loop.tile<i : f32>
      %a = pointwise.exp %a0 : !loop.tile<i : f32>
      %s = pointwise.sub %0, %m1 : !loop.tile<i, j : f32>
      %p = pointwise.exp %s : !loop.tile<i, j : f32>
      %c = loop.reduce sum %p over [j] : !loop.tile<i : f32>
      %l1 = pointwise.mul %l0, %a : !loop.tile<i : f32>
      %l2 = pointwise.add %l1, %c : !loop.tile<i : f32>
      loop.yield %m1, %l2
    } combine (%mA, %lA), (%mB, %lB) {
      %g = pointwise.max %mA, %mB : !loop.tile<i : f32>
      %da = pointwise.sub %mA, %g : !loop.tile<i : f32>
      %ea = pointwise.exp %da : !loop.tile<i : f32>
      %db = pointwise.sub %mB, %g : !loop.tile<i : f32>
      %eb = pointwise.exp %db : !loop.tile<i : f32>
      %ua = pointwise.mul %lA, %ea : !loop.tile<i : f32>
      %ub = pointwise.mul %lB, RIGHT : !loop.tile<i : f32>
      %u = pointwise.add %ua, %ub : !loop.tile<i : f32>
      loop.yield %g, %u
    }
    loop.store %m, 0[i]
    loop.store %l, 1[i]
  } : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>
  func.return %r, %t : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>
}
"""


def softmax_sum(schedule: str = "", right: str = "%eb"):
    return parse(SOFTMAX_SUM.replace("SCHEDULE", schedule).replace("RIGHT", right))


def expected(x: torch.Tensor) -> list[torch.Tensor]:
    x = x.double()
    return [x.amax(1), (x - x.amax(1, keepdim=True)).exp().sum(1)]


def kernel(body: str, result: str = ROWS, types: str = F32, schedule: str = "", dims: str = "i = S, j = T"):
    return parse(
        f"func.func @f(%x: {types}) -> {result} {{\n  %r = loop.kernel @k(%X = %x) dims [{dims}] {schedule} {{\n{body}\n"
        f"  }} : {result}\n  func.return %r : {result}\n}}"
    )


def test_every_row_has_a_meaning() -> None:
    assert TABLE.keys() == pointwise.ROWS.keys()


def test_a_fold_in_any_chunks_and_any_split() -> None:
    x = torch.randn(5, 23)
    for chunks in (None, "one", 7, *(random.Random(seed) for seed in range(8))):
        assert_same(evaluate(softmax_sum(), [x], chunks=chunks), expected(x))


def test_tiles_are_clipped() -> None:
    for s, t in ((1, 1), (5, 23), (16, 64), (17, 65)):
        x = torch.randn(s, t)
        tiled = softmax_sum("schedule [i grid 4, j stream 8] warps 4 stages 2")
        assert_same(evaluate(tiled, [x]), expected(x))


def test_a_wrong_combine_is_seen() -> None:
    x = torch.randn(5, 23)
    results = [evaluate(softmax_sum(right="%ea"), [x], chunks=random.Random(k))[1] for k in range(20)]
    assert any(not torch.allclose(r, expected(x)[1]) for r in results)


def test_a_fold_that_is_not_full() -> None:
    body = """    %ninf = arith.constant 0xff800000 : f32
    %m = loop.fold over [j] in [0, T) full (%m0 = %ninf : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = loop.reduce max %0 over [j] : !loop.tile<i : f32>
      %2 = pointwise.max %m0, %1 : !loop.tile<i : f32>
      loop.yield %2
    }
    loop.store %m, 0[i]"""
    module = kernel(body, schedule="schedule [i grid 4, j stream 8] warps 4 stages 2")
    x = torch.randn(3, 16)
    assert_same(evaluate(module, [x]), [x.double().amax(1)])
    with pytest.raises(ValueError, match=r"a fold over j in \[0, 17\) is not full: the tile is 8"):
        evaluate(module, [torch.randn(3, 17)])


def test_a_fold_for_some_rows_leaves_the_others_alone() -> None:
    """The condition is a promise, and a broken one is seen: values up to ``limit`` change no maximum from 1 on if it is 1."""
    text = """
    func.func @f(%x: !tensor_ext.tensor<S, 8 : f32>, %y: !tensor_ext.tensor<S : f32>) -> !tensor_ext.tensor<S : f32> {
      %r = loop.kernel @k(%X = %x, %Y = %y) dims [i = S, j = 8] {
        %limit = arith.constant LIMIT : f32
        %one = arith.constant 1.0 : f32
        %start = loop.load %Y[i] : !loop.tile<i : f32>
        %more = pointwise.lt %start, %one : !loop.tile<i : i1>
        %m = loop.fold over [j] in [0, 8) if %more (%m0 = %start : !loop.tile<i : f32>) {
          %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
          %1 = pointwise.min %0, %limit : !loop.tile<i, j : f32>
          %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
          %3 = pointwise.max %m0, %2 : !loop.tile<i : f32>
          loop.yield %3
        }
        loop.store %m, 0[i]
      } : !tensor_ext.tensor<S : f32>
      func.return %r : !tensor_ext.tensor<S : f32>
    }"""
    x, y = torch.full((3, 8), 5.0), torch.tensor([-1.0, 1.0, 3.0])
    (found,) = evaluate(parse(text.replace("LIMIT", "1.0")), [x, y])
    assert found.tolist() == [1.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="changes the state where its condition is false"):
        evaluate(parse(text.replace("LIMIT", "2.0")), [x, y])


def test_a_load_out_of_bounds_is_an_error_unless_masked() -> None:
    shifted = "    %0 = loop.load %X[i, j - 1] : !loop.tile<i, j : f32>\n    loop.store %0, 0[i, j]"
    with pytest.raises(IndexError, match="a load leaves axis 1"):
        evaluate(kernel(shifted, result=F32), [torch.randn(2, 3)])
    masked = """    %j = loop.index j : !loop.tile<j : index>
    %one = arith.constant 1 : index
    %k = pointwise.ge %j, %one : !loop.tile<j : i1>
    %0 = loop.load %X[i, j - 1] if %k : !loop.tile<i, j : f32>
    loop.store %0, 0[i, j]"""
    x = torch.randn(2, 3)
    assert_same(evaluate(kernel(masked, result=F32), [x]), [torch.nn.functional.pad(x[:, :-1], (1, 0)).double()])


def test_what_is_not_written_is_an_error() -> None:
    body = "    %0 = loop.load %X[i, 0] : !loop.tile<i : f32>\n    loop.store %0, 0[i]"
    wide = "!tensor_ext.tensor<S + 1 : f32>"
    with pytest.raises(ValueError, match="@k leaves 1 elements of result 0 unwritten"):
        evaluate(kernel(body, result=wide, dims="i = S"), [torch.randn(4, 2)])


def test_narrowing_casts_round_only_natively() -> None:
    t = "!tensor_ext.tensor<S : {}>"
    module = parse(f"""func.func @f(%x: {t.format("f32")}) -> {t.format("f32")} {{
      %0 = pointwise.cast %x : {t.format("bf16")}
      %1 = pointwise.cast %0 : {t.format("f32")}
      func.return %1 : {t.format("f32")}
    }}""")
    x = torch.randn(9)
    assert_same(evaluate(module, [x]), [x.double()])
    assert_same(evaluate(module, [x], native=True), [x.bfloat16().float()])


def test_a_number_takes_the_type_that_it_meets() -> None:
    t = "!tensor_ext.tensor<S : {}>"
    module = parse(f"""func.func @f(%x: {t.format("i64")}, %y: {t.format("f16")}) -> ({t.format("i1")}, {t.format("f16")}) {{
      %n = arith.constant 3 : index
      %c = arith.constant 0.1 : f64
      %two = pointwise.add %c, %c : f64
      %0 = pointwise.lt %x, %n : {t.format("i1")}
      %1 = pointwise.mul %y, %two : {t.format("f16")}
      func.return %0, %1 : {t.format("i1")}, {t.format("f16")}
    }}""")
    x, y = torch.arange(6), torch.randn(6).half()
    assert_same(evaluate(module, [x, y]), [x < 3, y.double() * 0.2])
    assert_same(evaluate(module, [x, y], native=True), [x < 3, y * 0.2])


def test_tensor_ops() -> None:
    module = parse("""
    func.func @f(%x: !tensor_ext.tensor<S, 6 : f32>, %at: !tensor_ext.tensor<2, N : i64>)
        -> (!tensor_ext.tensor<2, N, 6 : f32>, !tensor_ext.tensor<6, S : f32>, !tensor_ext.tensor<S, 9 : f32>,
            !tensor_ext.tensor<S, 2 : f32>, !tensor_ext.tensor<3, S : f32>, !tensor_ext.tensor<S, S : f32>,
            !tensor_ext.tensor<S, 3, 2 : f32>, !tensor_ext.tensor<4, S : i64>) {
      %0 = tensor_ext.take %x axis 0 at %at : !tensor_ext.tensor<2, N, 6 : f32>
      %1 = tensor_ext.transpose %x [1, 0] : !tensor_ext.tensor<6, S : f32>
      %2 = tensor_ext.pad %x axis 1 low 1 high 2 : !tensor_ext.tensor<S, 9 : f32>
      %3 = tensor_ext.slice %x axis 1 from 1 step 3 : !tensor_ext.tensor<S, 2 : f32>
      %m = tensor_ext.reduce max %x over [1] : !tensor_ext.tensor<S : f32>
      %4 = tensor_ext.broadcast %m along [1] : !tensor_ext.tensor<3, S : f32>
      %5 = tensor_ext.contract %x[i, d], %x[j, d] -> [i, j] : !tensor_ext.tensor<S, S : f32>
      %6 = tensor_ext.reshape %x : !tensor_ext.tensor<S, 3, 2 : f32>
      %7 = tensor_ext.iota axis 1 : !tensor_ext.tensor<4, S : i64>
      func.return %0, %1, %2, %3, %4, %5, %6, %7 : !tensor_ext.tensor<2, N, 6 : f32>, !tensor_ext.tensor<6, S : f32>,
        !tensor_ext.tensor<S, 9 : f32>, !tensor_ext.tensor<S, 2 : f32>, !tensor_ext.tensor<3, S : f32>,
        !tensor_ext.tensor<S, S : f32>, !tensor_ext.tensor<S, 3, 2 : f32>, !tensor_ext.tensor<4, S : i64>
    }""")
    x, at = torch.randn(5, 6), torch.randint(5, (2, 7))
    d = x.double()
    wanted = [
        d[at], d.T, torch.nn.functional.pad(d, (1, 2)), d[:, 1::3], d.amax(1).expand(3, 5), d @ d.T,
        d.reshape(5, 3, 2), torch.arange(5).expand(4, 5),
    ]  # fmt: skip
    assert_same(evaluate(module, [x, at]), wanted)
    with pytest.raises(IndexError, match="take: an index leaves axis 0"):
        evaluate(module, [x, at + 5])


def test_sizes_are_bound_and_checked() -> None:
    s, t = Expr.of("S"), Expr.of("T")
    assert bind_sizes([(s * 2 + 1, t), (s * t,)], [(7, 4), (12,)]) == {"S": 3, "T": 4}
    with pytest.raises(ValueError, match="axis 1 of input 0 should be S = 3"):
        bind_sizes([(s, s)], [(3, 4)])
    with pytest.raises(ValueError, match="axis 0 of input 0 should be 64, is 65"):
        bind_sizes([(Expr.of(64),)], [(65,)])
    with pytest.raises(ValueError, match="no input tells the size S, T"):
        bind_sizes([(s * t,)], [(12,)])


def test_a_call_names_an_op_and_literals_only() -> None:
    x = torch.randn(3)
    assert parse_args("(%0, [1, -2], dim=S, dtype=torch.float32)", [x], {"S": 4}) == (
        [x, [1, -2]],
        {"dim": 4, "dtype": torch.float32},
    )
    for bad in ("__import__('os')", "(open('f'))", "(torch.load)", "(%1)", "(x for x in y)", "(**%0)", "(%0"):
        with pytest.raises(ValueError, match=r"no literal|cannot read|names or positions"):
            parse_args(bad, [x], {})
    assert resolve("aten.sort.default") is torch.ops.aten.sort.default
    for bad in ("os.system", "aten.__class__.default", "aten.nothing.default", "torch.load", "aten.sort.default.x"):
        with pytest.raises(ValueError, match=r"no op"):
            resolve(bad)
