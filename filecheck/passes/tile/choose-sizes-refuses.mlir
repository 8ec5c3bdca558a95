// RUN: not flashlight-opt --pass-pipeline=choose-sizes{i=-1} %s 2>&1 | filecheck %s --check-prefix NEGATIVE
// RUN: not flashlight-opt --pass-pipeline=choose-sizes{i=100} %s 2>&1 | filecheck %s --check-prefix ODD
// RUN: not flashlight-opt --pass-pipeline=choose-sizes{z=64} %s 2>&1 | filecheck %s --check-prefix MISSING
// RUN: not flashlight-opt --pass-pipeline=choose-sizes{machine=volta} %s 2>&1 | filecheck %s --check-prefix MACHINE
// RUN: flashlight-opt --pass-pipeline=choose-sizes %s 2>&1 | filecheck %s --check-prefix EDGES

// NEGATIVE: choose-sizes: i wants one tile size from 1 to 8192
// ODD: choose-sizes: i=100 is no power of two
// MACHINE: choose-sizes: machine wants one target: sm_80, sm_90, …
// MISSING: choose-sizes: no kernel has the dim z
func.func @f() {
  func.return
}

// EDGES: refused: @k names the edges of its tiles: it holds for its own sizes only
// EDGES: schedule [i grid 64, j stream 64]
func.func @edges(%x: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = S] schedule [i grid 64, j stream 64] warps 4 stages 2 {
    %zero = arith.constant 0.0 : f32
    %m = loop.fold over [j] in [0, hi(i)) (%m0 = %zero : !loop.tile<i : f32>) {
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = loop.reduce sum %0 over [j] : !loop.tile<i : f32>
      %2 = pointwise.add %m0, %1 : !loop.tile<i : f32>
      loop.yield %2
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
