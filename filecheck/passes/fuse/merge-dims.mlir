// RUN: flashlight-opt --pass-pipeline=merge-dims %s | filecheck %s

// max over j and the sum over k of what has it subtracted: one dim, one load.
// CHECK-LABEL: @f
// CHECK:       dims [b = B, j = S] {
// CHECK-NEXT:    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
// CHECK-NEXT:    %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
// CHECK-NEXT:    %2 = pointwise.sub %0, %1 : !loop.tile<b, j : f32>
// CHECK-NEXT:    %3 = loop.reduce sum %2 over [j] : !loop.tile<b : f32>
// CHECK-NEXT:    loop.store %3, 0[b]
func.func @f(%x: !tensor_ext.tensor<B, S : f32>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x) dims [b = B, j = S, k = S] {
    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
    %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
    %2 = loop.load %X[b, k] : !loop.tile<b, k : f32>
    %3 = pointwise.sub %2, %1 : !loop.tile<b, k : f32>
    %4 = loop.reduce sum %3 over [k] : !loop.tile<b : f32>
    loop.store %4, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}
