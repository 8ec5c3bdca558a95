// RUN: flashlight-opt --pass-pipeline=narrow-masks %s | filecheck %s

// Either branch may be the one that is shifted.
// CHECK-LABEL: @bias
// CHECK: %[[A:.*]] = pointwise.select %[[K:.*]], %[[NONE:.*]], %{{.*}} : !loop.tile<j : f32>
// CHECK-NEXT: pointwise.add %{{.*}}, %[[A]] : !loop.tile<i, j : f32>
// CHECK: %[[NO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[FAR:.*]] = arith.constant -1.000000e+30 : f64
// CHECK-NEXT: pointwise.select %[[K]], %[[FAR]], %[[NO]] : !loop.tile<j : f32>
func.func @bias(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>) -> (!tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>) {
  %r, %s = loop.kernel @k(%X = %x, %K = %keep) dims [i = S, j = T] {
    %far = arith.constant -1.0e+30 : f64
    %k = loop.load %K[j] : !loop.tile<j : i1>
    %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %1 = pointwise.add %0, %far : !loop.tile<i, j : f32>
    %2 = pointwise.select %k, %0, %1 : !loop.tile<i, j : f32>
    %m = loop.reduce max %2 over [j] : !loop.tile<i : f32>
    loop.store %m, 0[i]
    %3 = pointwise.add %far, %0 : !loop.tile<i, j : f32>
    %4 = pointwise.select %k, %3, %0 : !loop.tile<i, j : f32>
    %n = loop.reduce max %4 over [j] : !loop.tile<i : f32>
    loop.store %n, 1[i]
  } : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>
  func.return %r, %s : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>
}
