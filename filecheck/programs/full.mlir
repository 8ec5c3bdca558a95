// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Full attention: o_i = Σ_j softmax_j(q_i·k_j / √d) v_j
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

func.func @full(%q: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 3, 17, 16 : f16>) -> !tensor_ext.tensor<2, 3, 17, 16 : f16> {
  %0 = tensor_ext.contract %q[b, h, i, k], %k[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %3 = pointwise.cast %2 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %4 = tensor_ext.reduce max %3 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %5 = tensor_ext.broadcast %4 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %6 = pointwise.sub %3, %5 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %7 = pointwise.exp %6 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %8 = tensor_ext.reduce sum %7 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %9 = tensor_ext.broadcast %8 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %10 = pointwise.div %7, %9 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %11 = pointwise.cast %10 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %12 = tensor_ext.contract %11[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 16 : f16>
  func.return %12 : !tensor_ext.tensor<2, 3, 17, 16 : f16>
}
