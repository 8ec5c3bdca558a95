// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Causal attention: s_ij counts where j <= i, so no tile of keys past the rows' end is visited
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
// TRITON:      tl.where(
// TRITON:      tl.exp2(
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @causal(%q: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 3, 17, 16 : f16>) -> !tensor_ext.tensor<2, 3, 17, 16 : f16> {
  %0 = tensor_ext.contract %q[b, h, i, k], %k[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %3 = tensor_ext.iota axis 1 : !tensor_ext.tensor<17, 17 : i64>
  %4 = tensor_ext.iota axis 0 : !tensor_ext.tensor<17, 17 : i64>
  %5 = pointwise.gt %3, %4 : !tensor_ext.tensor<17, 17 : i1>
  %6 = tensor_ext.broadcast %5 along [2, 3] : !tensor_ext.tensor<2, 3, 17, 17 : i1>
  %7 = arith.constant 0xfff0000000000000 : f64
  %8 = pointwise.select %6, %7, %2 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %9 = pointwise.cast %8 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %10 = tensor_ext.reduce max %9 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %11 = tensor_ext.broadcast %10 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %12 = pointwise.sub %9, %11 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %13 = pointwise.exp %12 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %14 = tensor_ext.reduce sum %13 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %15 = tensor_ext.broadcast %14 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %16 = pointwise.div %13, %15 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %17 = pointwise.cast %16 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %18 = tensor_ext.contract %17[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 16 : f16>
  func.return %18 : !tensor_ext.tensor<2, 3, 17, 16 : f16>
}
