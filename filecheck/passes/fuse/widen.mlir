// RUN: flashlight-opt --pass-pipeline=widen %s | filecheck %s

// Arithmetic in f32; the contraction's operands are f16, as the program has them; the store rounds.
// CHECK-LABEL: @f
// CHECK:       %0 = loop.load %X[i, d] : !loop.tile<i, d : f16>
// CHECK-NEXT:  %1 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
// CHECK-NEXT:  %2 = pointwise.cast %0 : !loop.tile<i, d : f32>
// CHECK-NEXT:  %3 = pointwise.exp %2 : !loop.tile<i, d : f32>
// CHECK-NEXT:  %4 = pointwise.cast %3 : !loop.tile<i, d : f16>
// CHECK-NEXT:  %5 = loop.contract %4, %1 over [d] : !loop.tile<i, j : f32>
// CHECK-NEXT:  %6 = loop.reduce max %5 over [j] : !loop.tile<i : f32>
// CHECK-NEXT:  loop.store %6, 0[i]
func.func @f(%x: !tensor_ext.tensor<S, 64 : f16>, %y: !tensor_ext.tensor<T, 64 : f16>) -> !tensor_ext.tensor<S : f16> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, j = T, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f16>
    %1 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
    %2 = pointwise.exp %0 : !loop.tile<i, d : f16>
    %3 = loop.contract %2, %1 over [d] : !loop.tile<i, j : f32>
    %4 = pointwise.cast %3 : !loop.tile<i, j : f16>
    %5 = loop.reduce max %4 over [j] : !loop.tile<i : f16>
    loop.store %5, 0[i]
  } : !tensor_ext.tensor<S : f16>
  func.return %r : !tensor_ext.tensor<S : f16>
}
