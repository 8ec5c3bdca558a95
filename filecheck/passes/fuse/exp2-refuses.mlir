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

// Hidden twice is -∞, hidden once is not: two finite masks keep their size, and the kernel its unit.
// CHECK-LABEL: @twice
// CHECK:       pointwise.add %{{.*}}, %far
// CHECK:       pointwise.add %{{.*}}, %far
// CHECK:       %[[d:.*]] = pointwise.sub %{{.*}}, %2
// CHECK:       %[[e:.*]] = pointwise.mul %[[d]],
// CHECK:       pointwise.exp2 %[[e]]
func.func @twice(%x: !tensor_ext.tensor<B, 16 : bf16>, %y: !tensor_ext.tensor<64, 16 : bf16>, %z: !tensor_ext.tensor<64 : i1>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y, %Z = %z) dims [b = B, j = 64, d = 16] {
    %far = arith.constant -3.3895313892515355e+38 : f64
    %q = loop.load %X[b, d] : !loop.tile<b, d : bf16>
    %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : bf16>
    %keep = loop.load %Z[j] : !loop.tile<j : i1>
    %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
    %i = loop.index b - j : !loop.tile<b, j : index>
    %zero = arith.constant 0 : index
    %k = pointwise.ge %i, %zero : !loop.tile<b, j : i1>
    %1 = pointwise.add %0, %far : !loop.tile<b, j : f32>
    %s = pointwise.select %k, %0, %1 : !loop.tile<b, j : f32>
    %t = pointwise.add %s, %far : !loop.tile<b, j : f32>
    %u = pointwise.select %keep, %s, %t : !loop.tile<b, j : f32>
    %2 = loop.reduce max %u over [j] : !loop.tile<b : f32>
    %3 = pointwise.sub %u, %2 : !loop.tile<b, j : f32>
    %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
    %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
    loop.store %5, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}
