// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Differential attention: softmax(q1 k1ᵀ) v - λ softmax(q2 k2ᵀ) v, two softmaxes in one pass over keys and values
// CHECK:      loop.kernel @k0({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: two maxima, then an output and a normaliser of each
// CHECK:      loop.fold over [j] in [0, 17)
// CHECK-SAME: %[[M1:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[M2:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O1:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-SAME: %[[L1:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O2:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-SAME: %[[L2:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-NOT:  loop.kernel
// CHECK:      loop.yield
// CHECK:      combine
// CHECK:      pointwise.div
// CHECK:      pointwise.div
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @differential(%q1: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %q2: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %k1: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %k2: !tensor_ext.tensor<2, 2, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 2, 17, 32 : f16>, %lam: !tensor_ext.tensor<: f16>) -> !tensor_ext.tensor<2, 2, 17, 32 : f16> {
  %0 = tensor_ext.contract %q1[b, h, i, k], %k1[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %3 = pointwise.cast %2 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %4 = tensor_ext.reduce max %3 over [3] : !tensor_ext.tensor<2, 2, 17 : f32>
  %5 = tensor_ext.broadcast %4 along [0, 1, 2] : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %6 = pointwise.sub %3, %5 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %7 = pointwise.exp %6 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %8 = tensor_ext.reduce sum %7 over [3] : !tensor_ext.tensor<2, 2, 17 : f32>
  %9 = tensor_ext.broadcast %8 along [0, 1, 2] : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %10 = pointwise.div %7, %9 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %11 = pointwise.cast %10 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %12 = tensor_ext.contract %q2[b, h, i, k], %k2[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %13 = pointwise.mul %12, %1 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %14 = pointwise.cast %13 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %15 = tensor_ext.reduce max %14 over [3] : !tensor_ext.tensor<2, 2, 17 : f32>
  %16 = tensor_ext.broadcast %15 along [0, 1, 2] : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %17 = pointwise.sub %14, %16 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %18 = pointwise.exp %17 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %19 = tensor_ext.reduce sum %18 over [3] : !tensor_ext.tensor<2, 2, 17 : f32>
  %20 = tensor_ext.broadcast %19 along [0, 1, 2] : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %21 = pointwise.div %18, %20 : !tensor_ext.tensor<2, 2, 17, 17 : f32>
  %22 = pointwise.cast %21 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %23 = tensor_ext.broadcast %lam along [] : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %24 = pointwise.mul %23, %22 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %25 = pointwise.sub %11, %24 : !tensor_ext.tensor<2, 2, 17, 17 : f16>
  %26 = tensor_ext.contract %25[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 2, 17, 32 : f16>
  func.return %26 : !tensor_ext.tensor<2, 2, 17, 32 : f16>
}
