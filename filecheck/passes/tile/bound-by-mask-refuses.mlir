// RUN: flashlight-opt --pass-pipeline=bound-by-mask %s 2>&1 | filecheck %s

// A masked tile still counts when what it adds is not nothing: sum over T of (i >= j ? x : 1).
// CHECK: refused: i - j >= 0 does not leave the state alone outside its range of j: every tile is visited
// CHECK: loop.fold over [j] in [0, T)
func.func @ones(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
    %ninf = arith.constant 1.0 : f32
    %m = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>) {
      %i = loop.index i : !loop.tile<i : index>
      %j = loop.index j : !loop.tile<j : index>
      %seen = pointwise.ge %i, %j : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %seen, %0, %ninf : !loop.tile<i, j : f32>
      %2 = loop.reduce sum %1 over [j] : !loop.tile<i : f32>
      %3 = pointwise.add %m0, %2 : !loop.tile<i : f32>
      loop.yield %3
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
