// RUN: flashlight-opt -t mlir --pass-pipeline=loop-to-block %s | filecheck %s

// A grid dim of size 1 is a scalar; the rows beyond S are masked, the columns are whole.
// CHECK-LABEL: @rows
func.func @rows(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  // CHECK: block.kernel @k(%[[X:.*]] = %{{.*}}) programs [B, (S + 63) floordiv 64] warps 4 stages 2 {
  // CHECK: %[[ROW:.*]] = block.index 64 * t (t = %{{.*}}) : index
  // CHECK: %[[MASK:.*]] = pointwise.lt %{{.*}}, %{{.*}} : !block.tile<64 : i1>
  // CHECK: %[[E:.*]] = block.expand %[[MASK]] [1]
  // CHECK: %[[V:.*]] = block.load %[[X]][%{{.*}}, %[[ROW]] + %{{.*}}, %{{.*}} + %{{.*}}] if %[[E]] : !block.tile<64, 64 : f32>
  // CHECK-NEXT: %[[R:.*]] = block.reduce sum %[[V]] axis 1
  // CHECK-NEXT: block.store %[[R]], 0[%{{.*}}, %[[ROW]] + %{{.*}}] if %[[MASK]]
  %r = loop.kernel @k(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid 1, i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
    loop.store %1, 0[b, i]
  } : !tensor_ext.tensor<B, S : f32>
  func.return %r : !tensor_ext.tensor<B, S : f32>
}

// Lanes 7 to 31 of d: a sum of exp sees 0 there, a maximum -inf.
// CHECK-LABEL: @tails
func.func @tails(%x: !tensor_ext.tensor<64, 7 : f32>) -> (!tensor_ext.tensor<64 : f32>, !tensor_ext.tensor<64 : f32>) {
  // CHECK: %[[IN:.*]] = pointwise.lt %{{.*}}, %{{.*}} : !block.tile<8 : i1>
  // CHECK: %[[V:.*]] = block.load {{.*}} if %{{.*}} : !block.tile<16, 8 : f32>
  // CHECK: %[[INF:.*]] = arith.constant 0xff800000 : f32
  // CHECK: %[[S:.*]] = pointwise.select %{{.*}}, %[[V]], %[[INF]]
  // CHECK: block.reduce max %[[S]] axis 1
  // CHECK: %[[E:.*]] = pointwise.exp %[[S]]
  // CHECK: %[[Z:.*]] = arith.constant 0.000000e+00 : f32
  // CHECK: %[[T:.*]] = pointwise.select %{{.*}}, %[[E]], %[[Z]]
  // CHECK: block.reduce sum %[[T]] axis 1
  %r, %s = loop.kernel @k(%X = %x) dims [i = 64, d = 7] schedule [i grid 16, d whole] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.reduce max %0 over [d] : !loop.tile<i : f32>
    %2 = pointwise.exp %0 : !loop.tile<i, d : f32>
    %3 = loop.reduce sum %2 over [d] : !loop.tile<i : f32>
    loop.store %1, 0[i]
    loop.store %3, 1[i]
  } : !tensor_ext.tensor<64 : f32>, !tensor_ext.tensor<64 : f32>
  func.return %r, %s : !tensor_ext.tensor<64 : f32>, !tensor_ext.tensor<64 : f32>
}

// One row, one column and one contracted dim make a dot, added to the accumulator; whole chunks have no mask.
// CHECK-LABEL: @dot
func.func @dot(%x: !tensor_ext.tensor<S, T : f16>, %y: !tensor_ext.tensor<64, T : f16>) -> !tensor_ext.tensor<S, 64 : f32> {
  // CHECK: %{{.*}} = block.for %[[J:.*]] = %{{.*}} to %{{.*}} step 32 (%[[A:.*]] = %{{.*}} : !block.tile<64, 64 : f32>) {
  // CHECK: %[[X:.*]] = block.load %{{.*}}[%{{.*}} + %{{.*}}, %[[J]] + %{{.*}}] if %{{.*}} : !block.tile<64, 32 : f16>
  // CHECK: %[[Y:.*]] = block.load %{{.*}}[%{{.*}} + %{{.*}}, %[[J]] + %{{.*}}] : !block.tile<64, 32 : f16>
  // CHECK: %[[YT:.*]] = block.trans %[[Y]]
  // CHECK: %[[N:.*]] = block.dot %[[X]], %[[YT]] into %[[A]]
  // CHECK-NEXT: block.yield %[[N]]
  %r = loop.kernel @k(%X = %x, %Y = %y) dims [i = S, e = 64, t = T] schedule [i grid 64, e whole, t stream 32] warps 4 stages 2 {
    %zero = arith.constant 0.0 : f32
    %a = loop.fold over [t] in [0, (T floordiv 32) * 32) full (%a0 = %zero : !loop.tile<i, e : f32>) {
      %0 = loop.load %X[i, t] : !loop.tile<i, t : f16>
      %1 = loop.load %Y[e, t] : !loop.tile<e, t : f16>
      %2 = loop.contract %0, %1 over [t] : !loop.tile<i, e : f32>
      %3 = pointwise.add %a0, %2 : !loop.tile<i, e : f32>
      loop.yield %3
    }
    loop.store %a, 0[i, e]
  } : !tensor_ext.tensor<S, 64 : f32>
  func.return %r : !tensor_ext.tensor<S, 64 : f32>
}

// A contraction that has a batch dim with lanes is a product and a sum.
// CHECK-LABEL: @batch
func.func @batch(%x: !tensor_ext.tensor<64, 16 : f32>, %y: !tensor_ext.tensor<64, 16 : f32>) -> !tensor_ext.tensor<64 : f32> {
  // CHECK: %[[P:.*]] = pointwise.mul %{{.*}}, %{{.*}} : !block.tile<64, 16 : f32>
  // CHECK-NEXT: block.reduce sum %[[P]] axis 1
  %r = loop.kernel @k(%X = %x, %Y = %y) dims [i = 64, d = 16] schedule [i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.load %Y[i, d] : !loop.tile<i, d : f32>
    %2 = loop.contract %0, %1 over [d] : !loop.tile<i : f32>
    loop.store %2, 0[i]
  } : !tensor_ext.tensor<64 : f32>
  func.return %r : !tensor_ext.tensor<64 : f32>
}

// Later tiles of i visit more of j: they come first.
// CHECK-LABEL: @heavy
func.func @heavy(%x: !tensor_ext.tensor<S, S : f32>) -> !tensor_ext.tensor<S : f32> {
  // CHECK: block.index 64 * ((S + 63) floordiv 64) - 64 * t - 64 (t = %{{.*}}) : index
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

// An index that is a value comes from data: where it is outside of the tensor nothing is read, and the element is 0.
// CHECK-LABEL: @gather
func.func @gather(%x: !tensor_ext.tensor<N, 8 : f32>, %at: !tensor_ext.tensor<64 : i64>) -> !tensor_ext.tensor<64 : f32> {
  // CHECK: %[[AT:.*]] = block.expand %{{.*}} [1] : !block.tile<64, 1 : i64>
  // CHECK-DAG: %[[LOW:.*]] = pointwise.ge %[[AT]], %{{.*}} : !block.tile<64, 1 : i1>
  // CHECK-DAG: %[[N:.*]] = block.index N : index
  // CHECK-DAG: %[[END:.*]] = pointwise.cast %[[N]] : i64
  // CHECK-DAG: %[[HIGH:.*]] = pointwise.lt %[[AT]], %[[END]] : !block.tile<64, 1 : i1>
  // CHECK: %[[IN:.*]] = pointwise.and %[[LOW]], %[[HIGH]]
  // CHECK: block.load %{{.*}}[%{{.*}} + %[[AT]], %{{.*}} + %{{.*}}] if %[[IN]] : !block.tile<64, 8 : f32>
  %r = loop.kernel @k(%X = %x, %A = %at) dims [i = 64, d = 8] schedule [i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %A[i] : !loop.tile<i : i64>
    %1 = loop.load %X[%0, d] : !loop.tile<i, d : f32>
    %2 = loop.reduce sum %1 over [d] : !loop.tile<i : f32>
    loop.store %2, 0[i]
  } : !tensor_ext.tensor<64 : f32>
  func.return %r : !tensor_ext.tensor<64 : f32>
}
