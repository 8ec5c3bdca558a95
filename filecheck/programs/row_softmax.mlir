// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// softmax of each row: one pass for its two sums, one that stores
// CHECK:      loop.kernel @k0({{.*}} j stream 1024
// CHECK-NOT:  loop.kernel
// state: m = max_j x_ij,  l = Σ_j exp(x_ij - m)
// CHECK:      loop.fold over [j] in [0, 1024 * (S floordiv 1024)) full
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-SAME: %[[L:[0-9]+]] = {{%[0-9]+}} : !loop.tile<i : f32>
// CHECK-NOT:  loop.kernel
// the last tile goes on with the same state, and is masked
// CHECK:      loop.fold over [j] in [1024 * (S floordiv 1024), S)
// CHECK-NOT:  loop.kernel
// CHECK:      loop.fold over [j] in [0, S) {
// CHECK:      pointwise.div
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      exp{{2?}}(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @row_softmax(%x: !tensor_ext.tensor<5, S : f16>) -> !tensor_ext.tensor<5, S : f16> {
  %0 = pointwise.cast %x : !tensor_ext.tensor<5, S : f32>
  %1 = tensor_ext.reduce max %0 over [1] : !tensor_ext.tensor<5 : f32>
  %2 = tensor_ext.broadcast %1 along [0] : !tensor_ext.tensor<5, S : f32>
  %3 = pointwise.sub %0, %2 : !tensor_ext.tensor<5, S : f32>
  %4 = pointwise.exp %3 : !tensor_ext.tensor<5, S : f32>
  %5 = tensor_ext.reduce sum %4 over [1] : !tensor_ext.tensor<5 : f32>
  %6 = tensor_ext.broadcast %5 along [0] : !tensor_ext.tensor<5, S : f32>
  %7 = pointwise.div %4, %6 : !tensor_ext.tensor<5, S : f32>
  %8 = pointwise.cast %7 : !tensor_ext.tensor<5, S : f16>
  func.return %8 : !tensor_ext.tensor<5, S : f16>
}
