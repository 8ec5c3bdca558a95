// RUN: flashlight-opt --pass-pipeline=fuse,tile %s | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// The output, the log-sum-exp and the entropy of each row, from one pass: H = log l - Σ_j p_j s_j
// CHECK:      loop.kernel @k0({{.*}} i grid 32, j stream 32
// CHECK-NOT:  loop.kernel
// state: m, then l, Σ_j exp2(s_ij - m) (s_ij - m) and o
// CHECK:      loop.fold over [j] in [0, 17)
// CHECK-SAME: %[[M:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[A:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[B:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i : f32>
// CHECK-SAME: %[[O:[0-9]+]] = {{%[0-9]+}} : !loop.tile<b, h, i, e : f32>
// CHECK-NOT:  loop.kernel
// CHECK:      loop.yield
// CHECK:      combine
// three results, stored once each
// CHECK-COUNT-3: loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      for {{v[0-9]+}} in range(0,
// TRITON:      tl.dot(
// TRITON:      tl.dot(
// TRITON:      tl.store(
// TRITON:      tl.store(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @lse_entropy(%q: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %k: !tensor_ext.tensor<2, 3, 17, 16 : f16>, %v: !tensor_ext.tensor<2, 3, 17, 16 : f16>) -> (!tensor_ext.tensor<2, 3, 17, 16 : f16>, !tensor_ext.tensor<2, 3, 17 : f32>, !tensor_ext.tensor<2, 3, 17 : f32>) {
  %0 = tensor_ext.contract %q[b, h, i, k], %k[b, h, j, k] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %1 = arith.constant 2.500000e-01 : f64
  %2 = pointwise.mul %0, %1 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %3 = pointwise.cast %2 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %4 = tensor_ext.reduce max %3 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %5 = tensor_ext.broadcast %4 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %6 = pointwise.sub %3, %5 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %7 = pointwise.exp %6 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %8 = tensor_ext.reduce sum %7 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %9 = pointwise.log %8 : !tensor_ext.tensor<2, 3, 17 : f32>
  %10 = tensor_ext.broadcast %9 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %11 = pointwise.sub %6, %10 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %12 = pointwise.exp %11 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %13 = pointwise.mul %12, %11 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %14 = tensor_ext.reduce sum %13 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %15 = pointwise.neg %14 : !tensor_ext.tensor<2, 3, 17 : f32>
  %16 = pointwise.cast %12 : !tensor_ext.tensor<2, 3, 17, 17 : f16>
  %17 = tensor_ext.contract %16[b, h, i, k], %v[b, h, k, j] -> [b, h, i, j] : !tensor_ext.tensor<2, 3, 17, 16 : f16>
  %18 = tensor_ext.reduce max %3 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %19 = pointwise.abs %18 : !tensor_ext.tensor<2, 3, 17 : f32>
  %20 = arith.constant 0x7ff0000000000000 : f64
  %21 = pointwise.eq %19, %20 : !tensor_ext.tensor<2, 3, 17 : i1>
  %22 = arith.constant 0.000000e+00 : f64
  %23 = pointwise.select %21, %22, %18 : !tensor_ext.tensor<2, 3, 17 : f32>
  %24 = tensor_ext.broadcast %23 along [0, 1, 2] : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %25 = pointwise.sub %3, %24 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %26 = pointwise.exp %25 : !tensor_ext.tensor<2, 3, 17, 17 : f32>
  %27 = tensor_ext.reduce sum %26 over [3] : !tensor_ext.tensor<2, 3, 17 : f32>
  %28 = pointwise.log %27 : !tensor_ext.tensor<2, 3, 17 : f32>
  %29 = pointwise.add %28, %23 : !tensor_ext.tensor<2, 3, 17 : f32>
  func.return %17, %29, %15 : !tensor_ext.tensor<2, 3, 17, 16 : f16>, !tensor_ext.tensor<2, 3, 17 : f32>, !tensor_ext.tensor<2, 3, 17 : f32>
}
