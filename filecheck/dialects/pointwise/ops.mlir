// RUN: flashlight-opt %s | flashlight-opt | filecheck %s

// CHECK-LABEL: @tensors
func.func @tensors(%x: !tensor_ext.tensor<S, 8 : f16>, %k: !tensor_ext.tensor<S, 8 : i1>) -> !tensor_ext.tensor<S, 8 : f32> {
  // a number takes the element type of what it meets
  // CHECK: arith.constant 2.000000e+00 : f64
  %two = arith.constant 2.0 : f64
  // CHECK-NEXT: pointwise.mul %{{.*}}, %{{.*}} : !tensor_ext.tensor<S, 8 : f16>
  %y = pointwise.mul %x, %two : !tensor_ext.tensor<S, 8 : f16>
  // CHECK-NEXT: pointwise.lt %{{.*}}, %{{.*}} : !tensor_ext.tensor<S, 8 : i1>
  %c = pointwise.lt %x, %y : !tensor_ext.tensor<S, 8 : i1>
  %both = pointwise.and %c, %k : !tensor_ext.tensor<S, 8 : i1>
  // CHECK: pointwise.select %{{.*}}, %{{.*}}, %{{.*}} : !tensor_ext.tensor<S, 8 : f16>
  %z = pointwise.select %both, %x, %y : !tensor_ext.tensor<S, 8 : f16>
  // CHECK-NEXT: pointwise.cast %{{.*}} : !tensor_ext.tensor<S, 8 : f32>
  %w = pointwise.cast %z : !tensor_ext.tensor<S, 8 : f32>
  func.return %w : !tensor_ext.tensor<S, 8 : f32>
}

// CHECK-LABEL: @scalars
func.func @scalars(%a: f32, %b: f32) -> f32 {
  // CHECK: pointwise.max %a, %b : f32
  %m = pointwise.max %a, %b : f32
  func.return %m : f32
}
