// RUN: flashlight-opt --pass-pipeline=merge-dims %s | filecheck %s

// x xᵀ: the product carries i and j, which therefore stay two.
// CHECK-LABEL: @square
// CHECK:       dims [i = S, j = S, d = 64]
func.func @square(%x: !tensor_ext.tensor<S, 64 : f32>) -> !tensor_ext.tensor<S, S : f32> {
  %r = loop.kernel @k0(%X = %x) dims [i = S, j = S, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %X[j, d] : !loop.tile<j, d : f32>
    %2 = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]
  } : !tensor_ext.tensor<S, S : f32>
  func.return %r : !tensor_ext.tensor<S, S : f32>
}

// The same element of the same tensor at two indices of one value: nothing to rename.
// CHECK-LABEL: @transposed
// CHECK:       dims [i = S, j = S]
func.func @transposed(%x: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S, S : f32> {
  %r = loop.kernel @k0(%X = %x) dims [i = S, j = S] {
    %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %1 = loop.load %X[j, i] : !loop.tile<i, j : f32>
    %2 = pointwise.add %0, %1 : !loop.tile<i, j : f32>
    loop.store %2, 0[i, j]
  } : !tensor_ext.tensor<S, S : f32>
  func.return %r : !tensor_ext.tensor<S, S : f32>
}
