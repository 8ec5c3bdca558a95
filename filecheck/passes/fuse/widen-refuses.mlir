// RUN: flashlight-opt --pass-pipeline=widen %s | filecheck %s

// A cast to an integer is intent, and stays.
// CHECK-LABEL: @rounded
// CHECK:       pointwise.cast %{{.*}} : !loop.tile<i : i32>
// CHECK-NEXT:  pointwise.cast %{{.*}} : !loop.tile<i : f32>
func.func @rounded(%x: !tensor_ext.tensor<S : f16>) -> !tensor_ext.tensor<S : f16> {
  %r = loop.kernel @k0(%X = %x) dims [i = S] {
    %0 = loop.load %X[i] : !loop.tile<i : f16>
    %1 = pointwise.cast %0 : !loop.tile<i : i32>
    %2 = pointwise.cast %1 : !loop.tile<i : f16>
    loop.store %2, 0[i]
  } : !tensor_ext.tensor<S : f16>
  func.return %r : !tensor_ext.tensor<S : f16>
}
