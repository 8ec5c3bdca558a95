// RUN: flashlight-opt --pass-pipeline=raise-contractions %s 2>&1 | filecheck %s

// CHECK: remark [raise-contractions]: refused: a sum of squared differences is no contraction: its expansion cancels where they are close

// Both factors have every parallel dim.
// CHECK-LABEL: @rowwise
// CHECK-NOT:   loop.contract
func.func @rowwise(%x: !tensor_ext.tensor<S, 64 : f32>, %y: !tensor_ext.tensor<S, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %Y[i, d] : !loop.tile<i, d : f32>
    %2 = pointwise.mul %0, %1 : !loop.tile<i, d : f32>
    %3 = loop.reduce sum %2 over [d] : !loop.tile<i : f32>
    loop.store %3, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

// |x|² - 2 x·y + |y|² would lose what close points differ by.
// CHECK-LABEL: @distance
// CHECK-NOT:   loop.contract
func.func @distance(%x: !tensor_ext.tensor<S, 64 : f32>, %y: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S, T : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, j = T, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %Y[j, d] : !loop.tile<j, d : f32>
    %2 = pointwise.sub %0, %1 : !loop.tile<i, j, d : f32>
    %3 = pointwise.mul %2, %2 : !loop.tile<i, j, d : f32>
    %4 = loop.reduce sum %3 over [d] : !loop.tile<i, j : f32>
    loop.store %4, 0[i, j]
  } : !tensor_ext.tensor<S, T : f32>
  func.return %r : !tensor_ext.tensor<S, T : f32>
}
