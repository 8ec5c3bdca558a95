// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Layer norm: mean and variance in one pass, and one that stores
// CHECK:      loop.kernel @k0({{.*}} j stream 1024
// CHECK-NOT:  loop.kernel
// state: Σ_j x_ij,  n,  then Σ_j (x_ij - mean) and Σ_j (x_ij - mean)², kept around the running mean
// CHECK:      loop.fold over [j] in [0, 1024 * (S floordiv 1024)) full
// CHECK-SAME: %[[A:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[N:[0-9]+]] = {{%[0-9]+}} : f32
// CHECK-SAME: %[[B:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[C:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-NOT:  loop.kernel
// the last tile goes on with the same state, and is masked
// CHECK:      loop.fold over [j] in [1024 * (S floordiv 1024), S)
// CHECK-NOT:  loop.kernel
// CHECK:      loop.fold over [j] in [0, S) {
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.sum(
// TRITON:      tl.sum(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @layer_norm(%x: !tensor_ext.tensor<5, S : f16>, %weight: !tensor_ext.tensor<S : f16>, %bias: !tensor_ext.tensor<S : f16>) -> !tensor_ext.tensor<5, S : f16> {
  %0 = pointwise.cast %x : !tensor_ext.tensor<5, S : f32>
  %1 = arith.constant 1.000000e+00 : f64
  %2 = tensor_ext.broadcast %1 along [] : !tensor_ext.tensor<5, S : f32>
  %3 = tensor_ext.reduce sum %2 over [1] : !tensor_ext.tensor<5 : f32>
  %4 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<5 : f32>
  %5 = pointwise.div %4, %3 : !tensor_ext.tensor<5 : f32>
  %6 = tensor_ext.broadcast %5 along [0] : !tensor_ext.tensor<5, S : f32>
  %7 = pointwise.sub %0, %6 : !tensor_ext.tensor<5, S : f32>
  %8 = pointwise.mul %7, %7 : !tensor_ext.tensor<5, S : f32>
  %9 = tensor_ext.reduce sum %8 over [1] : !tensor_ext.tensor<5 : f32>
  %10 = pointwise.div %9, %3 : !tensor_ext.tensor<5 : f32>
  %11 = arith.constant 1.000000e-05 : f64
  %12 = pointwise.add %10, %11 : !tensor_ext.tensor<5 : f32>
  %13 = pointwise.rsqrt %12 : !tensor_ext.tensor<5 : f32>
  %14 = tensor_ext.broadcast %5 along [0] : !tensor_ext.tensor<5, S : f32>
  %15 = pointwise.sub %0, %14 : !tensor_ext.tensor<5, S : f32>
  %16 = tensor_ext.broadcast %13 along [0] : !tensor_ext.tensor<5, S : f32>
  %17 = pointwise.mul %15, %16 : !tensor_ext.tensor<5, S : f32>
  %18 = pointwise.cast %weight : !tensor_ext.tensor<S : f32>
  %19 = tensor_ext.broadcast %18 along [1] : !tensor_ext.tensor<5, S : f32>
  %20 = pointwise.mul %17, %19 : !tensor_ext.tensor<5, S : f32>
  %21 = pointwise.cast %bias : !tensor_ext.tensor<S : f32>
  %22 = tensor_ext.broadcast %21 along [1] : !tensor_ext.tensor<5, S : f32>
  %23 = pointwise.add %20, %22 : !tensor_ext.tensor<5, S : f32>
  %24 = pointwise.cast %23 : !tensor_ext.tensor<5, S : f16>
  func.return %24 : !tensor_ext.tensor<5, S : f16>
}
