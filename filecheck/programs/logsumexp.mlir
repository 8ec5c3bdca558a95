// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// log Σ_j exp(x_ij), in one pass
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
// CHECK:      pointwise.log
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      exp{{2?}}(
// TRITON:      tl.log
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @logsumexp(%x: !tensor_ext.tensor<5, S : f16>) -> !tensor_ext.tensor<5 : f16> {
  %0 = pointwise.cast %x : !tensor_ext.tensor<5, S : f32>
  %1 = tensor_ext.reduce max %0 over [1] : !tensor_ext.tensor<5 : f32>
  %2 = pointwise.abs %1 : !tensor_ext.tensor<5 : f32>
  %3 = arith.constant 0x7ff0000000000000 : f64
  %4 = pointwise.eq %2, %3 : !tensor_ext.tensor<5 : i1>
  %5 = arith.constant 0.000000e+00 : f64
  %6 = pointwise.select %4, %5, %1 : !tensor_ext.tensor<5 : f32>
  %7 = tensor_ext.broadcast %6 along [0] : !tensor_ext.tensor<5, S : f32>
  %8 = pointwise.sub %0, %7 : !tensor_ext.tensor<5, S : f32>
  %9 = pointwise.exp %8 : !tensor_ext.tensor<5, S : f32>
  %10 = tensor_ext.reduce sum %9 over [1] : !tensor_ext.tensor<5 : f32>
  %11 = pointwise.log %10 : !tensor_ext.tensor<5 : f32>
  %12 = pointwise.add %11, %6 : !tensor_ext.tensor<5 : f32>
  %13 = pointwise.cast %12 : !tensor_ext.tensor<5 : f16>
  func.return %13 : !tensor_ext.tensor<5 : f16>
}
