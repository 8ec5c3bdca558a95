// RUN: flashlight-opt --pass-pipeline=assign-roles %s | filecheck %s

// A reduced dim is whole, the others are grid dims.
// CHECK-LABEL: @rows
// CHECK: schedule [b grid, i grid, d whole]
func.func @rows(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] {
    %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
    loop.store %1, 0[b, i]
  } : !tensor_ext.tensor<B, S : f32>
  func.return %r : !tensor_ext.tensor<B, S : f32>
}

// The dim of a fold is streamed; e is whole, or the contraction over d, which lacks it, would be done again for each tile of e.
// CHECK-LABEL: @product
// CHECK: schedule [i grid, j stream, d whole, e whole]
func.func @product(%q: !tensor_ext.tensor<S, 64 : f16>, %k: !tensor_ext.tensor<T, 64 : f16>, %v: !tensor_ext.tensor<T, 64 : f16>) -> !tensor_ext.tensor<S, 64 : f16> {
  %r = loop.kernel @k(%Q = %q, %K = %k, %V = %v) dims [i = S, j = T, d = 64, e = 64] {
    %zero = arith.constant 0.0 : f32
    %0 = loop.load %Q[i, d] : !loop.tile<i, d : f16>
    %o = loop.fold over [j] in [0, T) (%o0 = %zero : !loop.tile<i, e : f32>) {
      %1 = loop.load %K[j, d] : !loop.tile<j, d : f16>
      %2 = loop.load %V[j, e] : !loop.tile<j, e : f16>
      %s = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
      %t = pointwise.sigmoid %s : !loop.tile<i, j : f32>
      %p = pointwise.cast %t : !loop.tile<i, j : f16>
      %u = loop.contract %p, %2 over [j] : !loop.tile<i, e : f32>
      %o1 = pointwise.add %o0, %u : !loop.tile<i, e : f32>
      loop.yield %o1
    }
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 64 : f16>
  func.return %r : !tensor_ext.tensor<S, 64 : f16>
}

// A dim that one result lacks is whole, or that result would be written by several programs.
// CHECK-LABEL: @two_results
// CHECK: schedule [i grid, e whole]
func.func @two_results(%x: !tensor_ext.tensor<S, 8 : f32>) -> (!tensor_ext.tensor<S, 8 : f32>, !tensor_ext.tensor<S : f32>) {
  %r, %t = loop.kernel @k(%X = %x) dims [i = S, e = 8] {
    %0 = loop.load %X[i, e] : !loop.tile<i, e : f32>
    %1 = loop.load %X[i, 0] : !loop.tile<i : f32>
    loop.store %0, 0[i, e]
    loop.store %1, 1[i]
  } : !tensor_ext.tensor<S, 8 : f32>, !tensor_ext.tensor<S : f32>
  func.return %r, %t : !tensor_ext.tensor<S, 8 : f32>, !tensor_ext.tensor<S : f32>
}
