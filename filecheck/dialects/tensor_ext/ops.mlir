// RUN: flashlight-opt %s | flashlight-opt | filecheck %s

// CHECK-LABEL: @views
func.func @views(%x: !tensor_ext.tensor<B, 2 * S, 8 : f16>) -> !tensor_ext.tensor<B, S, 8 : f16> {
  // CHECK: tensor_ext.reshape %x : !tensor_ext.tensor<B, 2, S, 8 : f16>
  %0 = tensor_ext.reshape %x : !tensor_ext.tensor<B, 2, S, 8 : f16>
  // CHECK-NEXT: tensor_ext.transpose %{{.*}} [0, 2, 1, 3] : !tensor_ext.tensor<B, S, 2, 8 : f16>
  %1 = tensor_ext.transpose %0 [0, 2, 1, 3] : !tensor_ext.tensor<B, S, 2, 8 : f16>
  // CHECK-NEXT: tensor_ext.slice %{{.*}} axis 2 from 1 step 1 : !tensor_ext.tensor<B, S, 1, 8 : f16>
  %2 = tensor_ext.slice %1 axis 2 from 1 step 1 : !tensor_ext.tensor<B, S, 1, 8 : f16>
  // CHECK-NEXT: tensor_ext.reshape
  %3 = tensor_ext.reshape %2 : !tensor_ext.tensor<B, S, 8 : f16>
  // CHECK-NEXT: tensor_ext.pad %{{.*}} axis 1 low 1 high 0 : !tensor_ext.tensor<B, S + 1, 8 : f16>
  %4 = tensor_ext.pad %3 axis 1 low 1 high 0 : !tensor_ext.tensor<B, S + 1, 8 : f16>
  // CHECK-NEXT: tensor_ext.concat %{{.*}}, %{{.*}} axis 1 : !tensor_ext.tensor<B, 2 * S + 1, 8 : f16>
  %5 = tensor_ext.concat %3, %4 axis 1 : !tensor_ext.tensor<B, 2 * S + 1, 8 : f16>
  func.return %3 : !tensor_ext.tensor<B, S, 8 : f16>
}

// CHECK-LABEL: @compute
func.func @compute(%q: !tensor_ext.tensor<S, 8 : f16>, %ids: !tensor_ext.tensor<4 : i64>) -> !tensor_ext.tensor<S, 4 : f16> {
  // CHECK: tensor_ext.take %q axis 0 at %ids : !tensor_ext.tensor<4, 8 : f16>
  %k = tensor_ext.take %q axis 0 at %ids : !tensor_ext.tensor<4, 8 : f16>
  // CHECK-NEXT: tensor_ext.contract %q[i, d], %k[j, d] -> [i, j] : !tensor_ext.tensor<S, 4 : f16>
  %s = tensor_ext.contract %q[i, d], %k[j, d] -> [i, j] : !tensor_ext.tensor<S, 4 : f16>
  // CHECK-NEXT: tensor_ext.reduce max %s over [1] : !tensor_ext.tensor<S : f16>
  %m = tensor_ext.reduce max %s over [1] : !tensor_ext.tensor<S : f16>
  // CHECK-NEXT: tensor_ext.broadcast %m along [0] : !tensor_ext.tensor<S, 4 : f16>
  %b = tensor_ext.broadcast %m along [0] : !tensor_ext.tensor<S, 4 : f16>
  // CHECK-NEXT: tensor_ext.iota axis 1 : !tensor_ext.tensor<S, 4 : i64>
  %i = tensor_ext.iota axis 1 : !tensor_ext.tensor<S, 4 : i64>
  // CHECK-NEXT: tensor_ext.call "aten.sort.default"(%s) args "(%0, 1)" : !tensor_ext.tensor<S, 4 : f16>, !tensor_ext.tensor<S, 4 : i64>
  %v, %n = tensor_ext.call "aten.sort.default"(%s) args "(%0, 1)" : !tensor_ext.tensor<S, 4 : f16>, !tensor_ext.tensor<S, 4 : i64>
  func.return %s : !tensor_ext.tensor<S, 4 : f16>
}

// CHECK-LABEL: @group
func.func @group(%x: !tensor_ext.tensor<S, 8 : f32>) -> !tensor_ext.tensor<S : f32> {
  // CHECK: tensor_ext.group @k0(%X = %x) {
  %r = tensor_ext.group @k0(%X = %x) {
    %m = tensor_ext.reduce sum %X over [1] : !tensor_ext.tensor<S : f32>
    // CHECK: tensor_ext.yield %m
    tensor_ext.yield %m
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
