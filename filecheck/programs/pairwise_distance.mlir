// RUN: flashlight-opt --pass-pipeline=fuse,tile %s 2>&1 | filecheck %s
// RUN: flashlight-opt --pass-pipeline=fuse,tile,lower %s | filecheck %s --check-prefix=TRITON

// Distances: ‖x_i - y_j‖ summed as written, for |x|² - 2 x·y + |y|² would cancel where they are close
// CHECK:      remark [raise-contractions]: refused: a sum of squared differences is no contraction: its expansion cancels where they are close
// CHECK:      loop.kernel @k0({{.*}} k whole
// CHECK-NOT:  loop.kernel
// CHECK-NOT:  loop.contract
// CHECK:      loop.reduce sum {{.*}} over [k]
// CHECK:      loop.store
// CHECK-NOT:  loop.kernel

// TRITON:      @triton.jit
// TRITON:      def kernel_0(
// TRITON:      tl.sum(
// TRITON:      tl.store(
// TRITON-NOT:  def kernel_1(

func.func @pairwise_distance(%x: !tensor_ext.tensor<33, 16 : f16>, %y: !tensor_ext.tensor<17, 16 : f16>) -> !tensor_ext.tensor<33, 17 : f16> {
  %0 = tensor_ext.broadcast %x along [0, 2] : !tensor_ext.tensor<33, 17, 16 : f16>
  %1 = tensor_ext.broadcast %y along [1, 2] : !tensor_ext.tensor<33, 17, 16 : f16>
  %2 = pointwise.sub %0, %1 : !tensor_ext.tensor<33, 17, 16 : f16>
  %3 = pointwise.mul %2, %2 : !tensor_ext.tensor<33, 17, 16 : f16>
  %4 = tensor_ext.reduce sum %3 over [2] : !tensor_ext.tensor<33, 17 : f16>
  func.return %4 : !tensor_ext.tensor<33, 17 : f16>
}
