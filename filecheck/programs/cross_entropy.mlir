// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Cross-entropy over logits z = x w that are never stored: log Σ_j exp(z_ij) - z_{i, t_i}
// CHECK:      loop.kernel @k0({{.*}} j stream 64
// CHECK-NOT:  loop.kernel
// state: max_j z_ij, and sums over j that are kept in its unit, or picked by the target
// CHECK:      loop.fold over [j] in [0, 64 * (V floordiv 64)) full
// CHECK-SAME: %[[A:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[B:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[C:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[D:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-NOT:  loop.kernel
// CHECK:      loop.contract {{.*}} over [d]
// CHECK:      loop.reduce max {{.*}} over [j]
// CHECK:      loop.fold over [j] in [64 * (V floordiv 64), V)
// CHECK-NOT:  loop.kernel
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.dot(
// TRITON:      tl.exp2(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @cross_entropy(%x: !tensor_ext.tensor<17, 16 : f16>, %w: !tensor_ext.tensor<16, V : f16>, %target: !tensor_ext.tensor<17 : i64>) -> !tensor_ext.tensor<17 : f32> {
  %0 = tensor_ext.contract %x[i, k], %w[k, j] -> [i, j] : !tensor_ext.tensor<17, V : f16>
  %1 = pointwise.cast %0 : !tensor_ext.tensor<17, V : f32>
  %2 = tensor_ext.reduce max %1 over [1] : !tensor_ext.tensor<17 : f32>
  %3 = tensor_ext.broadcast %2 along [0] : !tensor_ext.tensor<17, V : f32>
  %4 = pointwise.sub %1, %3 : !tensor_ext.tensor<17, V : f32>
  %5 = pointwise.exp %4 : !tensor_ext.tensor<17, V : f32>
  %6 = tensor_ext.reduce sum %5 over [1] : !tensor_ext.tensor<17 : f32>
  %7 = pointwise.log %6 : !tensor_ext.tensor<17 : f32>
  %8 = tensor_ext.broadcast %7 along [0] : !tensor_ext.tensor<17, V : f32>
  %9 = pointwise.sub %4, %8 : !tensor_ext.tensor<17, V : f32>
  %10 = arith.constant -100 : index
  %11 = pointwise.ne %target, %10 : !tensor_ext.tensor<17 : i1>
  %12 = arith.constant 0 : index
  %13 = pointwise.select %11, %target, %12 : !tensor_ext.tensor<17 : i64>
  %14 = tensor_ext.iota axis 1 : !tensor_ext.tensor<17, V : i64>
  %15 = tensor_ext.broadcast %13 along [0] : !tensor_ext.tensor<17, V : i64>
  %16 = pointwise.eq %14, %15 : !tensor_ext.tensor<17, V : i1>
  %17 = arith.constant 0.000000e+00 : f64
  %18 = pointwise.select %16, %9, %17 : !tensor_ext.tensor<17, V : f32>
  %19 = tensor_ext.reduce sum %18 over [1] : !tensor_ext.tensor<17 : f32>
  %20 = pointwise.neg %19 : !tensor_ext.tensor<17 : f32>
  %21 = pointwise.ne %target, %10 : !tensor_ext.tensor<17 : i1>
  %22 = pointwise.select %21, %20, %17 : !tensor_ext.tensor<17 : f32>
  func.return %22 : !tensor_ext.tensor<17 : f32>
}
