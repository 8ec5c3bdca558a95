// RUN: flashlight-opt --pass-pipeline=fuse,tile %s 2>&1 | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Layer norm, then a product: the mean cannot leave Σ_j (x_ij - mean) w_je without cancellation, so the row is read twice
// CHECK:      remark [separate]: refused: the sum of (w - unit) times factors of either sign cancels: loop.contract needs another pass over j
// CHECK:      loop.kernel @k0({{.*}} j stream 64
// CHECK-NOT:  loop.kernel
// state of the first pass: Σ_j x_ij,  n,  then Σ_j (x_ij - mean) and Σ_j (x_ij - mean)², kept around the running mean
// CHECK:      loop.fold over [j] in [0, 64 * (S floordiv 64)) full
// CHECK-SAME: %[[A:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[N:[0-9]+]] = {{%[0-9]+}} : f32
// CHECK-SAME: %[[B:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[C:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-NOT:  loop.kernel
// CHECK:      loop.fold over [j] in [64 * (S floordiv 64), S)
// state of the second: y = Σ_j x̂_ij w_je
// CHECK:      loop.fold over [j] in [0, 64 * (S floordiv 64)) full
// CHECK-SAME: %[[Y:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i, e : f32>
// CHECK:      loop.contract {{.*}} over [j]
// CHECK-NOT:  loop.kernel
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @layer_norm_matmul(%x: !tensor_ext.tensor<17, S : f16>, %w: !tensor_ext.tensor<S, 16 : f16>) -> !tensor_ext.tensor<17, 16 : f16> {
  %0 = pointwise.cast %x : !tensor_ext.tensor<17, S : f32>
  %1 = arith.constant 1.000000e+00 : f64
  %2 = tensor_ext.broadcast %1 along [] : !tensor_ext.tensor<17, S : f32>
  %3 = tensor_ext.reduce sum %2 over [1] : !tensor_ext.tensor<17 : f32>
  %4 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<17 : f32>
  %5 = pointwise.div %4, %3 : !tensor_ext.tensor<17 : f32>
  %6 = tensor_ext.broadcast %5 along [0] : !tensor_ext.tensor<17, S : f32>
  %7 = pointwise.sub %0, %6 : !tensor_ext.tensor<17, S : f32>
  %8 = pointwise.mul %7, %7 : !tensor_ext.tensor<17, S : f32>
  %9 = tensor_ext.reduce sum %8 over [1] : !tensor_ext.tensor<17 : f32>
  %10 = pointwise.div %9, %3 : !tensor_ext.tensor<17 : f32>
  %11 = arith.constant 1.000000e-05 : f64
  %12 = pointwise.add %10, %11 : !tensor_ext.tensor<17 : f32>
  %13 = pointwise.rsqrt %12 : !tensor_ext.tensor<17 : f32>
  %14 = tensor_ext.broadcast %5 along [0] : !tensor_ext.tensor<17, S : f32>
  %15 = pointwise.sub %0, %14 : !tensor_ext.tensor<17, S : f32>
  %16 = tensor_ext.broadcast %13 along [0] : !tensor_ext.tensor<17, S : f32>
  %17 = pointwise.mul %15, %16 : !tensor_ext.tensor<17, S : f32>
  %18 = pointwise.cast %17 : !tensor_ext.tensor<17, S : f16>
  %19 = tensor_ext.contract %18[i, k], %w[k, j] -> [i, j] : !tensor_ext.tensor<17, 16 : f16>
  func.return %19 : !tensor_ext.tensor<17, 16 : f16>
}
