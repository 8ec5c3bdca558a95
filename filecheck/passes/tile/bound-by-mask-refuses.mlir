// RUN: flashlight-opt --pass-pipeline=bound-by-mask %s 2>&1 | filecheck %s

// Remarks come before the module.
// CHECK: refused: i - j >= 0 does not leave the state alone outside its range of j: every tile is visited
// CHECK: refused: i - j >= 0 does not leave the state alone outside its range of j: every tile is visited (hint: adding -65504 does not hide scores of any size: fill with it, or add -1e30 or less)
// CHECK: refused: i - j >= 0 does not leave the state alone outside its range of j: every tile is visited

// A masked tile still counts when what it adds is not nothing: sum over T of (i >= j ? x : 1).
// CHECK-LABEL: @ones
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

// Adding -65504 hides no score of unknown size: x + -65504 may well be the largest of its row.
// CHECK-LABEL: @near
// CHECK: loop.fold over [j] in [0, T)
func.func @near(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 8, j stream 4] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %add = arith.constant -65504.0 : f32
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %p = loop.index i - j : !loop.tile<i, j : index>
      %n = arith.constant 0 : index
      %seen = pointwise.ge %p, %n : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.add %0, %add : !loop.tile<i, j : f32>
      %2 = pointwise.select %seen, %0, %1 : !loop.tile<i, j : f32>
      %3 = loop.reduce max %2 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %3 : !loop.tile<i : f32>
      %4 = pointwise.sub %2, %m1 : !loop.tile<i, j : f32>
      %5 = pointwise.exp %4 : !loop.tile<i, j : f32>
      %6 = loop.reduce sum %5 over [j] : !loop.tile<i : f32>
      %7 = pointwise.sub %m0, %m1 : !loop.tile<i : f32>
      %8 = pointwise.exp %7 : !loop.tile<i : f32>
      %9 = pointwise.mul %l0, %8 : !loop.tile<i : f32>
      %l1 = pointwise.add %9, %6 : !loop.tile<i : f32>
      loop.yield %m1, %l1
    }
    loop.store %l, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

// A part of the state that several rows share cannot go on for some of them.
// CHECK-LABEL: @shared
// CHECK: loop.fold over [j] in [0, T)
// CHECK-NOT: loop.fold
func.func @shared(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 8, j stream 4] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %hidden = arith.constant -1.0e9 : f32
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : f32) {
      %p = loop.index i - j : !loop.tile<i, j : index>
      %n = arith.constant 0 : index
      %seen = pointwise.ge %p, %n : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %seen, %0, %hidden : !loop.tile<i, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %2 : !loop.tile<i : f32>
      %4 = pointwise.sub %1, %m1 : !loop.tile<i, j : f32>
      %5 = pointwise.exp %4 : !loop.tile<i, j : f32>
      %6 = loop.reduce sum %5 over [i, j] : f32
      %l1 = pointwise.add %l0, %6 : f32
      loop.yield %m1, %l1
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
