// RUN: flashlight-opt --pass-pipeline=separate,fold %s | filecheck %s

// One loop over the chunks of j, in units that move; the hoisted factors after it.

// CHECK-LABEL: @weighted
// CHECK:       %m, %o, %l = loop.fold over [j] in [0, T) (%m0 = %{{.*}} : !loop.tile<i : f32>, %o0 = %{{.*}} : !loop.tile<i, e : f32>, %l0 = %{{.*}} : !loop.tile<i : f32>) {
// m1 = max(m0, max_j s); g = (m1 == -inf ? 0 : m1): only the new unit is guarded
// CHECK:       [[C:%.*]] = loop.reduce max %s over [j] : !loop.tile<i : f32>
// CHECK-NEXT:  %m1 = pointwise.max %m0, [[C]] : !loop.tile<i : f32>
// CHECK-NEXT:  [[NONE:%.*]] = pointwise.eq %m1, %{{.*}} : !loop.tile<i : i1>
// CHECK-NEXT:  [[G:%.*]] = pointwise.select [[NONE]], %{{.*}}, %m1 : !loop.tile<i : f32>
// CHECK-NEXT:  %t = pointwise.sub %s, [[G]] : !loop.tile<i, j : f32>
// CHECK-NEXT:  %p = pointwise.exp %t : !loop.tile<i, j : f32>
// CHECK:       loop.contract %p, %v over [j] : !loop.tile<i, e : f32>
// CHECK-NEXT:  loop.reduce sum %p over [j] : !loop.tile<i : f32>
// a = exp(m0 - g); o1 = o0 a + sum_j p v; l1 = l0 a + sum_j p
// CHECK-NEXT:  [[D:%.*]] = pointwise.sub %m0, [[G]] : !loop.tile<i : f32>
// CHECK-NEXT:  [[A:%.*]] = pointwise.exp [[D]] : !loop.tile<i : f32>
// CHECK-NEXT:  [[O:%.*]] = pointwise.mul %o0, [[A]] : !loop.tile<i, e : f32>
// CHECK-NEXT:  %o1 = pointwise.add [[O]], %{{.*}} : !loop.tile<i, e : f32>
// CHECK-NEXT:  [[L:%.*]] = pointwise.mul %l0, [[A]] : !loop.tile<i : f32>
// CHECK-NEXT:  %l1 = pointwise.add [[L]], %{{.*}} : !loop.tile<i : f32>
// CHECK-NEXT:  loop.yield %m1, %o1, %l1
// CHECK-NEXT:  } combine (%mA, %oA, %lA), (%mB, %oB, %lB) {
// CHECK-NEXT:  pointwise.max %mA, %mB
// CHECK:       loop.yield
// CHECK-NEXT:  }
// CHECK-NEXT:  [[R:%.*]] = pointwise.div %o, %l : !loop.tile<i, e : f32>
// CHECK-NEXT:  loop.store [[R]], 0[i, e]
func.func @weighted(%xQ: !tensor_ext.tensor<S, 4 : f32>, %xK: !tensor_ext.tensor<T, 4 : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @weighted_kernel(%Q = %xQ, %K = %xK, %V = %xV) dims [i = S, j = T, d = 4, e = 3] {
    %q = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %k = loop.load %K[j, d] : !loop.tile<j, d : f32>
    %s = loop.contract %q, %k over [d] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %n, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK-LABEL: @sigmoid
// no unit: a plain sum
// CHECK:       %o = loop.fold over [j] in [0, T) (%o0 =
// CHECK-NOT:   pointwise.exp
// CHECK:       loop.store
func.func @sigmoid(%xQ: !tensor_ext.tensor<S, 4 : f32>, %xK: !tensor_ext.tensor<T, 4 : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @sigmoid_kernel(%Q = %xQ, %K = %xK, %V = %xV) dims [i = S, j = T, d = 4, e = 3] {
    %q = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %k = loop.load %K[j, d] : !loop.tile<j, d : f32>
    %s = loop.contract %q, %k over [d] : !loop.tile<i, j : f32>
    %p = pointwise.sigmoid %s : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %p, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK-LABEL: @rows
// what is stored over j is computed again in a last loop
// CHECK:       %m, %l = loop.fold over [j]
// CHECK:       loop.fold over [j] in [0, T) {
// CHECK:       %n = pointwise.div %{{.*}}, %l : !loop.tile<i, j : f32>
// CHECK-NEXT:  loop.store %n, 0[i, j]
// CHECK-NEXT:  loop.yield
func.func @rows(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S, T : f32>) {
  %r0 = loop.kernel @rows_kernel(%X = %xX) dims [i = S, j = T] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    loop.store %n, 0[i, j]
  } : !tensor_ext.tensor<S, T : f32>
  func.return %r0 : !tensor_ext.tensor<S, T : f32>
}

// CHECK-LABEL: @nested
// a contraction over a dim that no tile covers is a fold inside the fold
// CHECK:       %m, %l = loop.fold over [v] in [0, V)
// CHECK:       %s = loop.fold over [d] in [0, 4096) (%s0 = %{{.*}} : !loop.tile<n, v : f32>) {
// CHECK:       loop.contract %{{.*}}, %{{.*}} over [d] : !loop.tile<n, v : f32>
// CHECK:       loop.reduce max %s over [v]
func.func @nested(%x: !tensor_ext.tensor<N, 4096 : bf16>, %w: !tensor_ext.tensor<4096, V : bf16>) -> !tensor_ext.tensor<N : f32> {
  %o = loop.kernel @nested_kernel(%X = %x, %W = %w) dims [n = N, v = V, d = 4096] {
    %0 = loop.load %X[n, d] : !loop.tile<n, d : bf16>
    %1 = loop.load %W[d, v] : !loop.tile<v, d : bf16>
    %s = loop.contract %0, %1 over [d] : !loop.tile<n, v : f32>
    %m = loop.reduce max %s over [v] : !loop.tile<n : f32>
    %t = pointwise.sub %s, %m : !loop.tile<n, v : f32>
    %p = pointwise.exp %t : !loop.tile<n, v : f32>
    %l = loop.reduce sum %p over [v] : !loop.tile<n : f32>
    %g = pointwise.log %l : !loop.tile<n : f32>
    %e = pointwise.add %g, %m : !loop.tile<n : f32>
    loop.store %e, 0[n]
  } : !tensor_ext.tensor<N : f32>
  func.return %o : !tensor_ext.tensor<N : f32>
}
