// RUN: flashlight-opt --pass-pipeline=raise-contractions,canonicalize %s | filecheck %s

// CHECK-LABEL: @f
// CHECK:       %2 = loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
// CHECK-NEXT:  loop.store %2, 0[i, j]
func.func @f(%x: !tensor_ext.tensor<S, 64 : f32>, %y: !tensor_ext.tensor<T, 64 : f32>) -> !tensor_ext.tensor<S, T : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [i = S, j = T, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %Y[j, d] : !loop.tile<j, d : f32>
    %2 = pointwise.mul %0, %1 : !loop.tile<i, j, d : f32>
    %3 = loop.reduce sum %2 over [d] : !loop.tile<i, j : f32>
    loop.store %3, 0[i, j]
  } : !tensor_ext.tensor<S, T : f32>
  func.return %r : !tensor_ext.tensor<S, T : f32>
}

// A factor without the dim leaves the sum, and f16 factors stay f16.
// CHECK-LABEL: @three
// CHECK:       loop.contract %{{.*}}, %{{.*}} over [d] : !loop.tile<i, j : f32>
// CHECK:       pointwise.mul
func.func @three(%x: !tensor_ext.tensor<S, 64 : f16>, %y: !tensor_ext.tensor<T, 64 : f16>, %z: !tensor_ext.tensor<S : f16>) -> !tensor_ext.tensor<S, T : f16> {
  %r = loop.kernel @k0(%X = %x, %Y = %y, %Z = %z) dims [i = S, j = T, d = 64] {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f16>
    %1 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
    %2 = loop.load %Z[i] : !loop.tile<i : f16>
    %3 = pointwise.mul %2, %0 : !loop.tile<i, d : f16>
    %4 = pointwise.mul %3, %1 : !loop.tile<i, j, d : f16>
    %5 = loop.reduce sum %4 over [d] : !loop.tile<i, j : f16>
    loop.store %5, 0[i, j]
  } : !tensor_ext.tensor<S, T : f16>
  func.return %r : !tensor_ext.tensor<S, T : f16>
}
