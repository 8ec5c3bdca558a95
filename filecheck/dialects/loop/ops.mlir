// RUN: flashlight-opt %s | flashlight-opt | filecheck %s

// CHECK: loop.fold over [j] in [0, min(S, hi(i)))
func.func @f(%q: !tensor_ext.tensor<B, 16, S, 64 : bf16>, %k: !tensor_ext.tensor<B, 2, S, 64 : bf16>, %v: !tensor_ext.tensor<B, 2, S, 64 : bf16>) -> !tensor_ext.tensor<B, 16, S, 64 : bf16> {
  %o = loop.kernel @k0(%Q = %q, %K = %k, %V = %v) dims [b = B, h = 16, i = S, j = S, d = 64, e = 64] schedule [b grid 1, h grid 1, i grid 128, j stream 64, d whole, e whole] warps 8 stages 3 {
    %c = arith.constant 0.125 : f64
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[b, h, i, d] : !loop.tile<b, h, i, d : bf16>
    %m, %l, %o = loop.fold over [j] in [0, min(S, hi(i))) (%m0 = %ninf : !loop.tile<b, h, i : f32>, %l0 = %zero : !loop.tile<b, h, i : f32>, %o0 = %zero : !loop.tile<b, h, i, e : f32>) {
      %1 = loop.load %K[b, h floordiv 8, j, d] : !loop.tile<b, h, j, d : bf16>
      %2 = loop.load %V[b, h floordiv 8, j, e] : !loop.tile<b, h, j, e : bf16>
      %s0 = loop.contract %0, %1 over [d] : !loop.tile<b, h, i, j : f32>
      %s = pointwise.mul %s0, %c : !loop.tile<b, h, i, j : f32>
      %x = loop.index i - j : !loop.tile<i, j : index>
      %n0 = arith.constant 0 : index
      %mask = pointwise.ge %x, %n0 : !loop.tile<i, j : i1>
      %sm = pointwise.select %mask, %s, %ninf : !loop.tile<b, h, i, j : f32>
      %mc = loop.reduce max %sm over [j] : !loop.tile<b, h, i : f32>
      %m1 = pointwise.max %m0, %mc : !loop.tile<b, h, i : f32>
      %isinf = pointwise.eq %m1, %ninf : !loop.tile<b, h, i : i1>
      %g = pointwise.select %isinf, %zero, %m1 : !loop.tile<b, h, i : f32>
      %dd = pointwise.sub %m0, %g : !loop.tile<b, h, i : f32>
      %al = pointwise.exp %dd : !loop.tile<b, h, i : f32>
      %xx = pointwise.sub %sm, %g : !loop.tile<b, h, i, j : f32>
      %p = pointwise.exp %xx : !loop.tile<b, h, i, j : f32>
      %ls = loop.reduce sum %p over [j] : !loop.tile<b, h, i : f32>
      %l1 = pointwise.mul %l0, %al : !loop.tile<b, h, i : f32>
      %l2 = pointwise.add %l1, %ls : !loop.tile<b, h, i : f32>
      %pc = pointwise.cast %p : !loop.tile<b, h, i, j : bf16>
      %pv = loop.contract %pc, %2 over [j] : !loop.tile<b, h, i, e : f32>
      %o1 = pointwise.mul %o0, %al : !loop.tile<b, h, i, e : f32>
      %o2 = pointwise.add %o1, %pv : !loop.tile<b, h, i, e : f32>
      loop.yield %m1, %l2, %o2
    }
    %r = pointwise.div %o, %l : !loop.tile<b, h, i, e : f32>
    loop.store %r, 0[b, h, i, e]
  } : !tensor_ext.tensor<B, 16, S, 64 : bf16>
  func.return %o : !tensor_ext.tensor<B, 16, S, 64 : bf16>
}

// Values up to 1 change no maximum from 1 on: the other rows go on over the second half.
// CHECK: loop.fold over [j] in [0, 8) (%
// CHECK: loop.fold over [j] in [8, 16) full if %more (%
func.func @goes_on(%x: !tensor_ext.tensor<S, 16 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = 16] {
    %zero = arith.constant 0.0 : f32
    %s = loop.fold over [j] in [0, 8) (%s0 = %zero : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.max %0, %zero : !loop.tile<i, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
      %3 = pointwise.max %s0, %2 : !loop.tile<i : f32>
      loop.yield %3
    }
    %one = arith.constant 1.0 : f32
    %more = pointwise.lt %s, %one : !loop.tile<i : i1>
    %t = loop.fold over [j] in [8, 16) full if %more (%t0 = %s : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.min %0, %one : !loop.tile<i, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
      %3 = pointwise.max %t0, %2 : !loop.tile<i : f32>
      loop.yield %3
    }
    loop.store %t, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
