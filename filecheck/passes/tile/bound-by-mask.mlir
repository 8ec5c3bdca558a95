// RUN: flashlight-opt --pass-pipeline=bound-by-mask %s | filecheck %s

// max over T of (i >= j ? x : -inf): a tile with j > i everywhere leaves the state alone.
// CHECK-LABEL: @below
// CHECK: loop.fold over [j] in [0, min(T, hi(i)))
func.func @below(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %m = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>) {
      %i = loop.index i : !loop.tile<i : index>
      %j = loop.index j : !loop.tile<j : index>
      %seen = pointwise.ge %i, %j : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %seen, %0, %ninf : !loop.tile<i, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
      %3 = pointwise.max %m0, %2 : !loop.tile<i : f32>
      loop.yield %3
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

// sum over T of (i >= j and i - j < 256 ? x : 0): bounded on both sides.
// CHECK-LABEL: @band
// CHECK: loop.fold over [j] in [max(0, lo(i) - 255), min(T, hi(i)))
func.func @band(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, j = T] schedule [i grid 128, j stream 64] warps 4 stages 2 {
    %zero = arith.constant 0.0 : f32
    %m = loop.fold over [j] in [0, T) (%m0 = %zero : !loop.tile<i : f32>) {
      %n = arith.constant 256 : index
      %i = loop.index i : !loop.tile<i : index>
      %j = loop.index j : !loop.tile<j : index>
      %d = pointwise.sub %i, %j : !loop.tile<i, j : index>
      %a = pointwise.ge %i, %j : !loop.tile<i, j : i1>
      %b = pointwise.lt %d, %n : !loop.tile<i, j : i1>
      %seen = pointwise.and %a, %b : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %seen, %0, %zero : !loop.tile<i, j : f32>
      %2 = loop.reduce sum %1 over [j] : !loop.tile<i : f32>
      %3 = pointwise.add %m0, %2 : !loop.tile<i : f32>
      loop.yield %3
    }
    loop.store %m, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
