// RUN: flashlight-opt --pass-pipeline=exp2 %s | filecheck %s

// A negative scale turns the maximum around: it stays where it is.
// CHECK-LABEL: @negative
// CHECK:       %1 = pointwise.mul %0, %c
// CHECK-NEXT:  %2 = loop.reduce max %1 over [j]
// CHECK-NEXT:  loop.store %2
func.func @negative(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
    %c = arith.constant -0.125 : f64
    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
    %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
    %2 = loop.reduce max %1 over [j] : !loop.tile<b : f32>
    loop.store %2, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}

// A kernel that contracts nothing keeps exp, which is as accurate as the program's.
// CHECK-LABEL: @row
// CHECK-NOT:   exp2
// CHECK:       pointwise.exp %
func.func @row(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B, 64 : f32> {
  %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
    %1 = loop.reduce max %0 over [j] : !loop.tile<b : f32>
    %2 = pointwise.sub %0, %1 : !loop.tile<b, j : f32>
    %3 = pointwise.exp %2 : !loop.tile<b, j : f32>
    loop.store %3, 0[b, j]
  } : !tensor_ext.tensor<B, 64 : f32>
  func.return %r : !tensor_ext.tensor<B, 64 : f32>
}
