// RUN: flashlight-opt --pass-pipeline=assign-roles %s 2>&1 | filecheck %s

// CHECK: remark [assign-roles]: refused: dim j = T has to be covered by one tile, which holds at most 8192
// CHECK-NOT: schedule
func.func @f(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] {
    %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %1 = loop.reduce sum %0 over [j] : !loop.tile<i : f32>
    loop.store %1, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
