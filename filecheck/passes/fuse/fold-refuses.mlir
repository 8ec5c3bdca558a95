// RUN: flashlight-opt --pass-pipeline=fold %s 2>&1 | filecheck %s

// Two reductions that each see the other's dim stand in no loops; dims that a tile covers need none.

// CHECK:       remark [fold]: refused: a reduction over i is wanted inside of the loop over it
// CHECK-LABEL: @columns
// CHECK-NOT:   loop.fold
// CHECK:       loop.reduce sum %s over [i]
func.func @columns(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %o = loop.kernel @columns_kernel(%X = %x) dims [i = S, j = T] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %c = loop.reduce sum %s over [i] : !loop.tile<j : f32>
    %n = pointwise.div %s, %c : !loop.tile<i, j : f32>
    %r = loop.reduce sum %n over [j] : !loop.tile<i : f32>
    loop.store %r, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %o : !tensor_ext.tensor<S : f32>
}

// CHECK-LABEL: @short
// CHECK-NOT:   loop.fold
// CHECK:       func.return
func.func @short(%x: !tensor_ext.tensor<S, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %o = loop.kernel @short_kernel(%X = %x) dims [i = S, j = 64] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %c = loop.reduce sum %s over [j] : !loop.tile<i : f32>
    %n = pointwise.div %s, %c : !loop.tile<i, j : f32>
    %r = loop.reduce sum %n over [j] : !loop.tile<i : f32>
    loop.store %r, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %o : !tensor_ext.tensor<S : f32>
}
