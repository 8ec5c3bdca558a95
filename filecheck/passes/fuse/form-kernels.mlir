// RUN: flashlight-opt --pass-pipeline=form-kernels %s 2>&1 | filecheck %s

// A view at the border stays outside; what the root needs is inside.
// CHECK-LABEL: @row_sums
// CHECK:       %0 = tensor_ext.group @k0(%X = %x) {
// CHECK-NEXT:    %{{.*}} = pointwise.exp %X
// CHECK-NEXT:    %{{.*}} = tensor_ext.reduce sum %{{.*}} over [1]
// CHECK-NEXT:    tensor_ext.yield
// CHECK:       %{{.*}} = tensor_ext.reshape %0
func.func @row_sums(%x: !tensor_ext.tensor<6, S : f32>) -> !tensor_ext.tensor<2, 3 : f32> {
  %0 = pointwise.exp %x : !tensor_ext.tensor<6, S : f32>
  %1 = tensor_ext.reduce sum %0 over [1] : !tensor_ext.tensor<6 : f32>
  %2 = tensor_ext.reshape %1 : !tensor_ext.tensor<2, 3 : f32>
  func.return %2 : !tensor_ext.tensor<2, 3 : f32>
}

// A transpose right after the root is the order in which it is stored.
// CHECK-LABEL: @order
// CHECK:       tensor_ext.group @k1
// CHECK:         tensor_ext.transpose
// CHECK-NEXT:    tensor_ext.yield
// CHECK:       } : !tensor_ext.tensor<S, 2 : f32>
// CHECK-NEXT:  tensor_ext.reshape
func.func @order(%x: !tensor_ext.tensor<2, S, T : f32>) -> !tensor_ext.tensor<2 * S : f32> {
  %0 = tensor_ext.reduce sum %x over [2] : !tensor_ext.tensor<2, S : f32>
  %1 = tensor_ext.transpose %0 [1, 0] : !tensor_ext.tensor<S, 2 : f32>
  %2 = tensor_ext.reshape %1 : !tensor_ext.tensor<2 * S : f32>
  func.return %2 : !tensor_ext.tensor<2 * S : f32>
}

// Two roots over the same rows are one kernel; the sum of columns is another.
// CHECK-LABEL: @shared
// CHECK:       tensor_ext.group @k2(%X = %x) {
// CHECK:         tensor_ext.reduce max %X over [1]
// CHECK:         tensor_ext.reduce sum %{{.*}} over [1]
// CHECK:       } : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>
// CHECK:       tensor_ext.group @k3(%X = %x) {
// CHECK:         tensor_ext.reduce sum %X over [0]
func.func @shared(%x: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<T : f32>) {
  %m = tensor_ext.reduce max %x over [1] : !tensor_ext.tensor<S : f32>
  %e = pointwise.exp %x : !tensor_ext.tensor<S, T : f32>
  %s = tensor_ext.reduce sum %e over [1] : !tensor_ext.tensor<S : f32>
  %c = tensor_ext.reduce sum %x over [0] : !tensor_ext.tensor<T : f32>
  func.return %m, %s, %c : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<T : f32>
}

// The products over a long dim are stored, as torch computes them; the scores, which are streamed, are not.
// CHECK-LABEL: @projected
// CHECK:       tensor_ext.contract %x[s, c], %w[c, d]
// CHECK:       tensor_ext.group @k4
// CHECK:         tensor_ext.contract
// CHECK:         tensor_ext.reduce max
// CHECK-NOT:   tensor_ext.group
func.func @projected(%x: !tensor_ext.tensor<S, 1024 : f16>, %w: !tensor_ext.tensor<1024, 64 : f16>, %q: !tensor_ext.tensor<S, 64 : f16>) -> !tensor_ext.tensor<S : f16> {
  %k = tensor_ext.contract %x[s, c], %w[c, d] -> [s, d] : !tensor_ext.tensor<S, 64 : f16>
  %s = tensor_ext.contract %q[i, d], %k[j, d] -> [i, j] : !tensor_ext.tensor<S, S : f16>
  %m = tensor_ext.reduce max %s over [1] : !tensor_ext.tensor<S : f16>
  func.return %m : !tensor_ext.tensor<S : f16>
}
