// RUN: flashlight-opt --pass-pipeline=narrow-masks %s | filecheck %s

// The mask has all the dims of the scores; -inf would leave NaN where it hides one; the other branch is another value.
// CHECK-LABEL: @kept
// CHECK: pointwise.select %{{.*}} : !loop.tile<i, j : f32>
// CHECK: pointwise.select %{{.*}} : !loop.tile<i, j : f32>
// CHECK: pointwise.select %{{.*}} : !loop.tile<i, j : f32>
func.func @kept(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>, %both: !tensor_ext.tensor<S, T : i1>) -> !tensor_ext.tensor<S, T : f32> {
  %r = loop.kernel @k(%X = %x, %K = %keep, %B = %both) dims [i = S, j = T] {
    %far = arith.constant -1.0e+30 : f64
    %ninf = arith.constant 0xfff0000000000000 : f64
    %k = loop.load %K[j] : !loop.tile<j : i1>
    %b = loop.load %B[i, j] : !loop.tile<i, j : i1>
    %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %1 = pointwise.add %0, %far : !loop.tile<i, j : f32>
    %2 = pointwise.select %b, %0, %1 : !loop.tile<i, j : f32>
    %3 = pointwise.add %2, %ninf : !loop.tile<i, j : f32>
    %4 = pointwise.select %k, %2, %3 : !loop.tile<i, j : f32>
    %5 = pointwise.add %2, %far : !loop.tile<i, j : f32>
    %6 = pointwise.select %k, %4, %5 : !loop.tile<i, j : f32>
    loop.store %6, 0[i, j]
  } : !tensor_ext.tensor<S, T : f32>
  func.return %r : !tensor_ext.tensor<S, T : f32>
}
