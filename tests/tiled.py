"""Hand-written tiled kernels: the same program with other sizes, masks and tiles."""

from __future__ import annotations

STEP = """
      %{t}1 = loop.load %K[b, h floordiv {group}, j, d] : !loop.tile<b, h, j, d : {dtype}>
      %{t}2 = loop.load %V[b, h floordiv {group}, j, e] : !loop.tile<b, h, j, e : {dtype}>
      %{t}s0 = loop.contract %qt, %{t}1 over [d] : !loop.tile<b, h, i, j : f32>
      %{t}s = pointwise.mul %{t}s0, %c : !loop.tile<b, h, i, j : f32>
      {mask}
      %{t}mc = loop.reduce max {x} over [j] : !loop.tile<b, h, i : f32>
      %{t}m1 = pointwise.max %{t}m0, %{t}mc : !loop.tile<b, h, i : f32>
      %{t}isinf = pointwise.eq %{t}m1, %ninf : !loop.tile<b, h, i : i1>
      %{t}g = pointwise.select %{t}isinf, %zero, %{t}m1 : !loop.tile<b, h, i : f32>
      %{t}dd = pointwise.sub %{t}m0, %{t}g : !loop.tile<b, h, i : f32>
      %{t}al = pointwise.exp %{t}dd : !loop.tile<b, h, i : f32>
      %{t}xx = pointwise.sub {x}, %{t}g : !loop.tile<b, h, i, j : f32>
      %{t}p = pointwise.exp %{t}xx : !loop.tile<b, h, i, j : f32>
      %{t}ls = loop.reduce sum %{t}p over [j] : !loop.tile<b, h, i : f32>
      %{t}l1 = pointwise.mul %{t}l0, %{t}al : !loop.tile<b, h, i : f32>
      %{t}l2 = pointwise.add %{t}l1, %{t}ls : !loop.tile<b, h, i : f32>
      {cast}
      %{t}pv = loop.contract {p}, %{t}2 over [j] : !loop.tile<b, h, i, e : f32>
      %{t}o1 = pointwise.mul %{t}o0, %{t}al : !loop.tile<b, h, i, e : f32>
      %{t}o2 = pointwise.add %{t}o1, %{t}pv : !loop.tile<b, h, i, e : f32>
      loop.yield %{t}m1, %{t}l2, %{t}o2
"""

MASK = """%{t}x = loop.index i - j : !loop.tile<i, j : index>
      %{t}n0 = arith.constant 0 : index
      %{t}mask = pointwise.ge %{t}x, %{t}n0 : !loop.tile<i, j : i1>
      %{t}sm = pointwise.select %{t}mask, %{t}s, %ninf : !loop.tile<b, h, i, j : f32>"""


def fold(t: str, span: str, init: tuple[str, str, str], masked: bool, group: int, dtype: str) -> str:
    """One fold over j; ``t`` begins its names."""
    cast = f"%{t}pc = pointwise.cast %{t}p : !loop.tile<b, h, i, j : {dtype}>" if dtype != "f32" else ""
    p = f"%{t}pc" if cast else f"%{t}p"
    x = f"%{t}sm" if masked else f"%{t}s"
    step = STEP.format(t=t, x=x, p=p, cast=cast, mask=MASK.format(t=t) if masked else "", group=group, dtype=dtype)
    m, lsum, o = init
    return f"""
    %{t}m, %{t}l, %{t}o = loop.fold over [j] in {span} (%{t}m0 = {m} : !loop.tile<b, h, i : f32>, %{t}l0 = {lsum} : !loop.tile<b, h, i : f32>, %{t}o0 = {o} : !loop.tile<b, h, i, e : f32>) {{{step}    }}"""


def attention(
    d: int = 64,
    group: int = 1,
    heads: int = 2,
    causal: bool = False,
    tile: tuple[int, int] = (64, 32),
    dtype: str = "f16",
    size: str = "S",
    warps: int = 4,
    stages: int = 2,
) -> str:
    """Softmax of scaled scores, times values, as one kernel with a fold (or two: full tiles, then the diagonal)."""
    i, j = tile
    q = f"!tensor_ext.tensor<B, {heads}, {size}, {d} : {dtype}>"
    k = f"!tensor_ext.tensor<B, {heads // group}, {size}, {d} : {dtype}>"
    start = ("%ninf", "%zero", "%zero")
    if causal:
        split = f"(lo(i) floordiv {j}) * {j}"
        folds = fold("f", f"[0, {split}) full", start, False, group, dtype)
        folds += fold("g", f"[{split}, min({size}, hi(i)))", ("%fm", "%fl", "%fo"), True, group, dtype)
    else:
        folds = fold("g", f"[0, {size})", start, False, group, dtype)
    return f"""
func.func @f(%q: {q}, %k: {k}, %v: {k}) -> {q} {{
  %o = loop.kernel @k(%Q = %q, %K = %k, %V = %v) dims [b = B, h = {heads}, i = {size}, j = {size}, d = {d}, e = {d}] schedule [b grid 1, h grid 1, i grid {i}, j stream {j}, d whole, e whole] warps {warps} stages {stages} {{
    %c = arith.constant {d**-0.5!r} : f64
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %qt = loop.load %Q[b, h, i, d] : !loop.tile<b, h, i, d : {dtype}>
    {folds}
    %r = pointwise.div %go, %gl : !loop.tile<b, h, i, e : f32>
    loop.store %r, 0[b, h, i, e]
  }} : {q}
  func.return %o : {q}
}}
"""
