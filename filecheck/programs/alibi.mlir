// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// ALiBi: s_ij = q_i·k_j / √d - slope_h (i - j) where j <= i
// CHECK:      loop.kernel @k{{[0-9]+}}({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m = max_j s_ij,  o = Σ_j exp2(s_ij - m) v_j,  l = Σ_j exp2(s_ij - m)
// CHECK:      loop.fold over [j] in [0, min(17, hi(i)))
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-SAME: %[[L:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-NOT:  loop.kernel
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

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      [[END:v[0-9]+]] = tl.minimum(17,
// TRITON:      for {{v[0-9]+}} in range(0, [[END]], 32)
// TRITON:      tl.dot(
// TRITON:      tl.exp2(
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @alibi(%q: !tensor_ext.tensor<2, 4, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 4, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 4, 17, 16 : f16>, %slopes: !tensor_ext.tensor<4 : f32>) -> !tensor_ext.tensor<2, 4, 17, 16 : f16> {
  %0 = tensor_ext.contract %q[b, h, i, k], %k[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 4, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<2, 4, 17, 17 : f16>
  %3 = tensor_ext.iota axis 1 : !tensor_ext.tensor<17, 17 : i64>
  %4 = tensor_ext.iota axis 0 : !tensor_ext.tensor<17, 17 : i64>
  %5 = pointwise.sub %3, %4 : !tensor_ext.tensor<17, 17 : i64>
  %6 = tensor_ext.broadcast %slopes along [0] : !tensor_ext.tensor<4, 17, 17 : f32>
  %7 = pointwise.cast %5 : !tensor_ext.tensor<17, 17 : f32>
  %8 = tensor_ext.broadcast %7 along [1, 2] : !tensor_ext.tensor<4, 17, 17 : f32>
  %9 = pointwise.mul %6, %8 : !tensor_ext.tensor<4, 17, 17 : f32>
  %10 = pointwise.cast %2 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %11 = tensor_ext.broadcast %9 along [1, 2, 3] : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %12 = pointwise.add %10, %11 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %13 = tensor_ext.iota axis 1 : !tensor_ext.tensor<17, 17 : i64>
  %14 = tensor_ext.iota axis 0 : !tensor_ext.tensor<17, 17 : i64>
  %15 = pointwise.gt %13, %14 : !tensor_ext.tensor<17, 17 : i1>
  %16 = tensor_ext.broadcast %15 along [2, 3] : !tensor_ext.tensor<2, 4, 17, 17 : i1>
  %17 = arith.constant 0xfff0000000000000 : f64
  %18 = pointwise.select %16, %17, %12 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %19 = tensor_ext.reduce max %18 over [3] : !tensor_ext.tensor<2, 4, 17 : f32>
  %20 = tensor_ext.broadcast %19 along [0, 1, 2] : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %21 = pointwise.sub %18, %20 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %22 = pointwise.exp %21 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %23 = tensor_ext.reduce sum %22 over [3] : !tensor_ext.tensor<2, 4, 17 : f32>
  %24 = tensor_ext.broadcast %23 along [0, 1, 2] : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %25 = pointwise.div %22, %24 : !tensor_ext.tensor<2, 4, 17, 17 : f32>
  %26 = pointwise.cast %25 : !tensor_ext.tensor<2, 4, 17, 17 : f16>
  %27 = tensor_ext.contract %26[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 4, 17, 16 : f16>
  func.return %27 : !tensor_ext.tensor<2, 4, 17, 16 : f16>
}
