// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Evoformer's gated row attention: two biases join the scores, and the gate is applied before the one store
// CHECK:      loop.kernel @k{{[0-9]+}}({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m = max_j s_ij,  o = Σ_j exp2(s_ij - m) v_j,  l = Σ_j exp2(s_ij - m)
// CHECK:      loop.fold over [j] in [0, 17)
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
// CHECK:      pointwise.mul {{.*}} : !loop.tile<b, h, i, e : f32>
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.dot(
// TRITON:      tl.exp2(
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @evoformer(%q: !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>, %k: !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>, %v: !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>, %gate: !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>, %mask: !tensor_ext.tensor<1, 3, 17 : f16>, %pair_bias: !tensor_ext.tensor<1, 2, 17, 17 : f16>) -> !tensor_ext.tensor<1, 3, 2, 17, 16 : f16> {
  %0 = tensor_ext.contract %q[b, h, g, i, k], %k[b, h, g, j, k] -> [b, h, g, i, j] : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %3 = arith.constant 1.000000e+00 : f64
  %4 = pointwise.sub %mask, %3 : !tensor_ext.tensor<1, 3, 17 : f16>
  %5 = arith.constant 1.000000e+04 : f64
  %6 = pointwise.mul %4, %5 : !tensor_ext.tensor<1, 3, 17 : f16>
  %7 = tensor_ext.broadcast %6 along [0, 1, 4] : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %8 = pointwise.add %2, %7 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %9 = tensor_ext.broadcast %pair_bias along [0, 2, 3, 4] : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %10 = pointwise.add %8, %9 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %11 = pointwise.sigmoid %gate : !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>
  %12 = pointwise.cast %10 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %13 = tensor_ext.reduce max %12 over [4] : !tensor_ext.tensor<1, 3, 2, 17 : f32>
  %14 = tensor_ext.broadcast %13 along [0, 1, 2, 3] : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %15 = pointwise.sub %12, %14 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %16 = pointwise.exp %15 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %17 = tensor_ext.reduce sum %16 over [4] : !tensor_ext.tensor<1, 3, 2, 17 : f32>
  %18 = tensor_ext.broadcast %17 along [0, 1, 2, 3] : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %19 = pointwise.div %16, %18 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f32>
  %20 = pointwise.cast %19 : !tensor_ext.tensor<1, 3, 2, 17, 17 : f16>
  %21 = tensor_ext.contract %20[b, h, g, i, k], %v[b, h, g, k, j] -> [b, h, g, i, j] : !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>
  %22 = pointwise.mul %11, %21 : !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>
  func.return %22 : !tensor_ext.tensor<1, 3, 2, 17, 16 : f16>
}
