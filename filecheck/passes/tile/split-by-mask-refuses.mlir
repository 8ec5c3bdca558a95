// RUN: flashlight-opt --pass-pipeline=split-by-mask %s | filecheck %s

// Without a tile size nothing is split.
// CHECK: loop.fold over [j] in [0, T)
// CHECK-NOT: loop.fold
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %ninf = arith.constant 0xff800000 : f32
    %m = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = loop.reduce max %0 over [j] : !loop.tile<i : f32>
      %2 = pointwise.max %m0, %1 : !loop.tile<i : f32>
      loop.yield %2
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
