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

// Σ exp(x - max x) of x = (i >= j and keep_j ? x : -1e9). Rows with a maximum far above -1e9 have seen a score: the others go on.
// CHECK-LABEL: @finite
// CHECK:      %[[m:.*]], %[[l:.*]] = loop.fold over [j] in [0, min(T, hi(i)))
// CHECK:      %[[c:.*]] = arith.constant -9999{{.*}} : f64
// CHECK-NEXT: %[[more:.*]] = pointwise.lt %[[m]], %[[c]] : !loop.tile<i : i1>
// CHECK-NEXT: %{{.*}}, %[[last:.*]] = loop.fold over [j] in [min(T, hi(i)), T) if %[[more]] (%{{.*}} = %[[m]] : !loop.tile<i : f32>, %{{.*}} = %[[l]]
// CHECK:      loop.store %[[last]], 0[i]
func.func @finite(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x, %Keep = %keep) dims [i = S, j = T] schedule [i grid 8, j stream 4] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %hidden = arith.constant -1.0e9 : f32
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %p = loop.index i - j : !loop.tile<i, j : index>
      %n = arith.constant 0 : index
      %below = pointwise.ge %p, %n : !loop.tile<i, j : i1>
      %k = loop.load %Keep[j] : !loop.tile<j : i1>
      %seen = pointwise.and %below, %k : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %seen, %0, %hidden : !loop.tile<i, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %2 : !loop.tile<i : f32>
      %3 = pointwise.sub %1, %m1 : !loop.tile<i, j : f32>
      %4 = pointwise.exp %3 : !loop.tile<i, j : f32>
      %5 = loop.reduce sum %4 over [j] : !loop.tile<i : f32>
      %6 = pointwise.sub %m0, %m1 : !loop.tile<i : f32>
      %7 = pointwise.exp %6 : !loop.tile<i : f32>
      %8 = pointwise.mul %l0, %7 : !loop.tile<i : f32>
      %l1 = pointwise.add %8, %5 : !loop.tile<i : f32>
      loop.yield %m1, %l1
    }
    loop.store %l, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

// A window of finite masks that are added, in units of log₂e: both sides are left out, and visited by rows that saw nothing.
// CHECK-LABEL: @window
// CHECK:      %[[m:.*]], %[[l:.*]] = loop.fold over [j] in [max(0, lo(i) - 5), min(T, hi(i)))
// CHECK:      %[[more:.*]] = pointwise.lt %[[m]],
// CHECK-NEXT: %[[m1:.*]], %[[l1:.*]] = loop.fold over [j] in [0, min(max(0, lo(i) - 5), T)) if %[[more]] (%{{.*}} = %[[m]]
// CHECK-NOT:  %Keep
// CHECK:      loop.fold over [j] in [max(min(max(0, lo(i) - 5), T), min(T, hi(i))), T) if %[[more]] (%{{.*}} = %[[m1]]
func.func @window(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x, %Keep = %keep) dims [i = S, j = T] schedule [i grid 8, j stream 4] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %far = arith.constant -1.0e38 : f32
    %log2e = arith.constant 1.4426950408889634 : f64
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %p = loop.index i - j : !loop.tile<i, j : index>
      %n = arith.constant 0 : index
      %w = arith.constant 6 : index
      %below = pointwise.ge %p, %n : !loop.tile<i, j : i1>
      %near = pointwise.lt %p, %w : !loop.tile<i, j : i1>
      %band = pointwise.and %below, %near : !loop.tile<i, j : i1>
      %k = loop.load %Keep[j] : !loop.tile<j : i1>
      %seen = pointwise.and %band, %k : !loop.tile<i, j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.add %0, %far : !loop.tile<i, j : f32>
      %2 = pointwise.select %seen, %0, %1 : !loop.tile<i, j : f32>
      %3 = pointwise.mul %2, %log2e : !loop.tile<i, j : f32>
      %4 = loop.reduce max %3 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %4 : !loop.tile<i : f32>
      %empty = pointwise.eq %m1, %ninf : !loop.tile<i : i1>
      %unit = pointwise.select %empty, %zero, %m1 : !loop.tile<i : f32>
      %5 = pointwise.sub %3, %unit : !loop.tile<i, j : f32>
      %6 = pointwise.exp2 %5 : !loop.tile<i, j : f32>
      %7 = loop.reduce sum %6 over [j] : !loop.tile<i : f32>
      %8 = pointwise.sub %m0, %unit : !loop.tile<i : f32>
      %9 = pointwise.exp2 %8 : !loop.tile<i : f32>
      %10 = pointwise.mul %l0, %9 : !loop.tile<i : f32>
      %l1 = pointwise.add %10, %7 : !loop.tile<i : f32>
      loop.yield %m1, %l1
    }
    loop.store %l, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

// Two bounds on one side: after the nearer one, either predicate may be the false one, so both stay.
// CHECK-LABEL: @both
// CHECK:      loop.fold over [j] in [0, min(T, hi(i), 7))
// CHECK:      loop.fold over [j] in [min(T, hi(i), 7), T) if %
// CHECK:      pointwise.select %below_1
// CHECK:      pointwise.select %prefix_1
func.func @both(%x: !tensor_ext.tensor<S, T : f32>, %keep: !tensor_ext.tensor<T : i1>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x, %Keep = %keep) dims [i = S, j = T] schedule [i grid 8, j stream 4] warps 4 stages 2 {
    %ninf = arith.constant 0xff800000 : f32
    %zero = arith.constant 0.0 : f32
    %far = arith.constant -1.0e31 : f32
    %hidden = arith.constant -3.0e31 : f32
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<i : f32>, %l0 = %zero : !loop.tile<i : f32>) {
      %p = loop.index i - j : !loop.tile<i, j : index>
      %j = loop.index j : !loop.tile<j : index>
      %n = arith.constant 0 : index
      %w = arith.constant 7 : index
      %below = pointwise.ge %p, %n : !loop.tile<i, j : i1>
      %prefix = pointwise.lt %j, %w : !loop.tile<j : i1>
      %k = loop.load %Keep[j] : !loop.tile<j : i1>
      %0 = loop.load %X[i, j] : !loop.tile<i, j : f32>
      %1 = pointwise.select %k, %0, %hidden : !loop.tile<i, j : f32>
      %2 = pointwise.add %1, %far : !loop.tile<i, j : f32>
      %3 = pointwise.select %below, %1, %2 : !loop.tile<i, j : f32>
      %4 = pointwise.add %3, %far : !loop.tile<i, j : f32>
      %5 = pointwise.select %prefix, %3, %4 : !loop.tile<i, j : f32>
      %6 = loop.reduce max %5 over [j] : !loop.tile<i : f32>
      %m1 = pointwise.max %m0, %6 : !loop.tile<i : f32>
      %7 = pointwise.sub %5, %m1 : !loop.tile<i, j : f32>
      %8 = pointwise.exp %7 : !loop.tile<i, j : f32>
      %9 = loop.reduce sum %8 over [j] : !loop.tile<i : f32>
      %10 = pointwise.sub %m0, %m1 : !loop.tile<i : f32>
      %11 = pointwise.exp %10 : !loop.tile<i : f32>
      %12 = pointwise.mul %l0, %11 : !loop.tile<i : f32>
      %l1 = pointwise.add %12, %9 : !loop.tile<i : f32>
      loop.yield %m1, %l1
    }
    loop.store %l, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
