// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Grouped queries, written in three ways: the repeated keys are never stored

// CHECK-LABEL: @gqa_repeat_interleave
// CHECK:      loop.kernel @k{{[0-9]+}}({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m = max_j s_ij,  o = Σ_j exp2(s_ij - m) v_j,  l = Σ_j exp2(s_ij - m)
// CHECK:      loop.fold over [j] in [0, 17)
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-SAME: %[[L:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-NOT:  loop.kernel
// query head h reads key head ⌊h / 3⌋
// CHECK:      loop.load %K[b, h floordiv 3, j, d]
// CHECK:      loop.contract {{.*}} over [d]
// CHECK:      loop.reduce max {{.*}} over [j]
// CHECK:      pointwise.max %[[M]]
// CHECK:      pointwise.exp2
// CHECK:      loop.contract {{.*}} over [j] : !loop.tile<b, h, i, e : f32>
// CHECK:      loop.reduce sum {{.*}} over [j]
// both sums follow the maximum: o' = o · exp2(m - m') + …
// CHECK-DAG:  pointwise.mul %[[O]]
// CHECK-DAG:  pointwise.mul %[[L]]
// CHECK:      combine
// the division has left the sum over keys
// CHECK:      pointwise.div {{.*}} : !loop.tile<b, h, i, e : f32>
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

func.func @gqa_repeat_interleave(%q: !tensor_ext.tensor<2, 6, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 2, 17, 16 : f16>) -> !tensor_ext.tensor<2, 6, 17, 16 : f16> {
  %0 = tensor_ext.broadcast %k along [0, 1, 3, 4] : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  %2 = tensor_ext.broadcast %v along [0, 1, 3, 4] : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %3 = tensor_ext.contract %q[b, h, i, k], %1[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %4 = arith.constant 2.500000e-01 : f64
  %5 = pointwise.mul %3, %4 : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %6 = pointwise.cast %5 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %7 = tensor_ext.reduce max %6 over [3] : !tensor_ext.tensor<2, 6, 17 : f32>
  %8 = tensor_ext.broadcast %7 along [0, 1, 2] : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %9 = pointwise.sub %6, %8 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %10 = pointwise.exp %9 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %11 = tensor_ext.reduce sum %10 over [3] : !tensor_ext.tensor<2, 6, 17 : f32>
  %12 = tensor_ext.broadcast %11 along [0, 1, 2] : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %13 = pointwise.div %10, %12 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %14 = pointwise.cast %13 : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %15 = tensor_ext.reshape %2 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  %16 = tensor_ext.contract %14[b, h, i, k], %15[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  func.return %16 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
}

// CHECK-LABEL: @gqa_expand
// CHECK:      loop.kernel @k{{[0-9]+}}({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m = max_j s_ij,  o = Σ_j exp2(s_ij - m) v_j,  l = Σ_j exp2(s_ij - m)
// CHECK:      loop.fold over [j] in [0, 17)
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-SAME: %[[L:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-NOT:  loop.kernel
// query head h reads key head ⌊h / 3⌋
// CHECK:      loop.load %K[b, h floordiv 3, j, d]
// CHECK:      loop.contract {{.*}} over [d]
// CHECK:      loop.reduce max {{.*}} over [j]
// CHECK:      pointwise.max %[[M]]
// CHECK:      pointwise.exp2
// CHECK:      loop.contract {{.*}} over [j] : !loop.tile<b, h, i, e : f32>
// CHECK:      loop.reduce sum {{.*}} over [j]
// both sums follow the maximum: o' = o · exp2(m - m') + …
// CHECK-DAG:  pointwise.mul %[[O]]
// CHECK-DAG:  pointwise.mul %[[L]]
// CHECK:      combine
// the division has left the sum over keys
// CHECK:      pointwise.div {{.*}} : !loop.tile<b, h, i, e : f32>
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

func.func @gqa_expand(%q: !tensor_ext.tensor<2, 6, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 2, 17, 16 : f16>) -> !tensor_ext.tensor<2, 6, 17, 16 : f16> {
  %0 = tensor_ext.broadcast %k along [0, 1, 3, 4] : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %1 = tensor_ext.reshape %0 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  %2 = tensor_ext.broadcast %v along [0, 1, 3, 4] : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %3 = tensor_ext.contract %q[b, h, i, k], %1[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %4 = arith.constant 2.500000e-01 : f64
  %5 = pointwise.mul %3, %4 : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %6 = pointwise.cast %5 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %7 = tensor_ext.reduce max %6 over [3] : !tensor_ext.tensor<2, 6, 17 : f32>
  %8 = tensor_ext.broadcast %7 along [0, 1, 2] : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %9 = pointwise.sub %6, %8 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %10 = pointwise.exp %9 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %11 = tensor_ext.reduce sum %10 over [3] : !tensor_ext.tensor<2, 6, 17 : f32>
  %12 = tensor_ext.broadcast %11 along [0, 1, 2] : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %13 = pointwise.div %10, %12 : !tensor_ext.tensor<2, 6, 17, 17 : f32>
  %14 = pointwise.cast %13 : !tensor_ext.tensor<2, 6, 17, 17 : f16>
  %15 = tensor_ext.reshape %2 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  %16 = tensor_ext.contract %14[b, h, i, k], %15[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  func.return %16 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
}

// CHECK-LABEL: @gqa_view
// CHECK:      loop.kernel @k{{[0-9]+}}({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m = max_j s_ij,  o = Σ_j exp2(s_ij - m) v_j,  l = Σ_j exp2(s_ij - m)
// CHECK:      loop.fold over [j] in [0, 17)
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, g, i : f32>
// CHECK-SAME: %[[O:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, g, i, e : f32>
// CHECK-SAME: %[[L:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, g, i : f32>
// CHECK-NOT:  loop.kernel
// a group has a dim of its own, which the keys lack
// CHECK:      loop.load %K[b, h, j, d]
// CHECK:      loop.contract {{.*}} over [d]
// CHECK:      loop.reduce max {{.*}} over [j]
// CHECK:      pointwise.max %[[M]]
// CHECK:      pointwise.exp2
// CHECK:      loop.contract {{.*}} over [j] : !loop.tile<b, h, g, i, e : f32>
// CHECK:      loop.reduce sum {{.*}} over [j]
// both sums follow the maximum: o' = o · exp2(m - m') + …
// CHECK-DAG:  pointwise.mul %[[O]]
// CHECK-DAG:  pointwise.mul %[[L]]
// CHECK:      combine
// the division has left the sum over keys
// CHECK:      pointwise.div {{.*}} : !loop.tile<b, h, g, i, e : f32>
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

func.func @gqa_view(%q: !tensor_ext.tensor<2, 6, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 2, 17, 16 : f16>) -> !tensor_ext.tensor<2, 6, 17, 16 : f16> {
  %0 = tensor_ext.reshape %q : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %1 = tensor_ext.contract %0[b, h, g, i, k], %k[b, h, j, k] -> [b, h, g, i, j] : !tensor_ext.tensor<2, 2, 3, 17, 17 : f16>
  %2 = arith.constant 2.500000e-01 : f64
  %3 = pointwise.mul %1, %2 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f16>
  %4 = pointwise.cast %3 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %5 = tensor_ext.reduce max %4 over [4] : !tensor_ext.tensor<2, 2, 3, 17 : f32>
  %6 = tensor_ext.broadcast %5 along [0, 1, 2, 3] : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %7 = pointwise.sub %4, %6 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %8 = pointwise.exp %7 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %9 = tensor_ext.reduce sum %8 over [4] : !tensor_ext.tensor<2, 2, 3, 17 : f32>
  %10 = tensor_ext.broadcast %9 along [0, 1, 2, 3] : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %11 = pointwise.div %8, %10 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f32>
  %12 = pointwise.cast %11 : !tensor_ext.tensor<2, 2, 3, 17, 17 : f16>
  %13 = tensor_ext.contract %12[b, h, g, i, k], %v[b, h, k, j] -> [b, h, g, i, j] : !tensor_ext.tensor<2, 2, 3, 17, 16 : f16>
  %14 = tensor_ext.reshape %13 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
  func.return %14 : !tensor_ext.tensor<2, 6, 17, 16 : f16>
}

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      @triton.jit
// TRITON:      def kernel_1(
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      @triton.jit
// TRITON:      def kernel_2(
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON-NOT:  def kernel_3(
