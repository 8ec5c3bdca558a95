// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// The variance of each row, in one pass
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
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.sum(
// TRITON:      tl.sum(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @variance(%x: !tensor_ext.tensor<5, S : f16>) -> !tensor_ext.tensor<5 : f16> {
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
  %10 = pointwise.sub %3, %1 : !tensor_ext.tensor<5 : f32>
  %11 = pointwise.div %9, %10 : !tensor_ext.tensor<5 : f32>
  %12 = pointwise.cast %11 : !tensor_ext.tensor<5 : f16>
  func.return %12 : !tensor_ext.tensor<5 : f16>
}
