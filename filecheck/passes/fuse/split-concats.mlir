// NOTE: `make update-filecheck` writes the expected text of this file.
// RUN: flashlight-opt --pass-pipeline=split-concats %s | filecheck %s

// m = max(max_j x, y); l = sum_j exp(x - m) + exp(y - m); the slice is exp(x - m) / l.
// CHECK-LABEL: @f
// CHECK-NEXT:    %0 = tensor_ext.reduce max %x over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %1 = tensor_ext.reduce max %y over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %m = pointwise.max %0, %1 : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %2 = tensor_ext.broadcast %m along [0] : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    %3 = pointwise.sub %x, %2 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    %4 = pointwise.exp %3 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    %5 = tensor_ext.reduce sum %4 over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %6 = tensor_ext.broadcast %m along [0] : !tensor_ext.tensor<B, 1 : f32>
// CHECK-NEXT:    %7 = pointwise.sub %y, %6 : !tensor_ext.tensor<B, 1 : f32>
// CHECK-NEXT:    %8 = pointwise.exp %7 : !tensor_ext.tensor<B, 1 : f32>
// CHECK-NEXT:    %9 = tensor_ext.reduce sum %8 over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %l = pointwise.add %5, %9 : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %10 = tensor_ext.broadcast %l along [0] : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    %11 = pointwise.div %4, %10 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    func.return %11 : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:  }
func.func @f(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, 1 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + 1 : f32>
  %m = tensor_ext.reduce max %0 over [1] : !tensor_ext.tensor<B : f32>
  %1 = tensor_ext.broadcast %m along [0] : !tensor_ext.tensor<B, S + 1 : f32>
  %2 = pointwise.sub %0, %1 : !tensor_ext.tensor<B, S + 1 : f32>
  %3 = pointwise.exp %2 : !tensor_ext.tensor<B, S + 1 : f32>
  %l = tensor_ext.reduce sum %3 over [1] : !tensor_ext.tensor<B : f32>
  %4 = tensor_ext.broadcast %l along [0] : !tensor_ext.tensor<B, S + 1 : f32>
  %5 = pointwise.div %3, %4 : !tensor_ext.tensor<B, S + 1 : f32>
  %6 = tensor_ext.slice %5 axis 1 from 0 step 1 : !tensor_ext.tensor<B, S : f32>
  func.return %6 : !tensor_ext.tensor<B, S : f32>
}

// A mask that runs along the axis is sliced where it is no broadcast.
// CHECK-LABEL: @masked
// CHECK-NEXT:    %zero = arith.constant 0.000000e+00 : f64
// CHECK-NEXT:    %0 = tensor_ext.slice %k axis 0 from 0 step 1 : !tensor_ext.tensor<S : i1>
// CHECK-NEXT:    %1 = tensor_ext.broadcast %0 along [1] : !tensor_ext.tensor<B, S : i1>
// CHECK-NEXT:    %2 = pointwise.select %1, %x, %zero : !tensor_ext.tensor<B, S : f32>
// CHECK-NEXT:    %3 = tensor_ext.reduce max %2 over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %4 = tensor_ext.slice %k axis 0 from S step 1 : !tensor_ext.tensor<2 : i1>
// CHECK-NEXT:    %5 = tensor_ext.broadcast %4 along [1] : !tensor_ext.tensor<B, 2 : i1>
// CHECK-NEXT:    %6 = pointwise.select %5, %y, %zero : !tensor_ext.tensor<B, 2 : f32>
// CHECK-NEXT:    %7 = tensor_ext.reduce max %6 over [1] : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    %8 = pointwise.max %3, %7 : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:    func.return %8 : !tensor_ext.tensor<B : f32>
// CHECK-NEXT:  }
func.func @masked(%x: !tensor_ext.tensor<B, S : f32>, %y: !tensor_ext.tensor<B, 2 : f32>, %k: !tensor_ext.tensor<S + 2 : i1>) -> !tensor_ext.tensor<B : f32> {
  %0 = tensor_ext.concat %x, %y axis 1 : !tensor_ext.tensor<B, S + 2 : f32>
  %1 = tensor_ext.broadcast %k along [1] : !tensor_ext.tensor<B, S + 2 : i1>
  %zero = arith.constant 0.0 : f64
  %2 = pointwise.select %1, %0, %zero : !tensor_ext.tensor<B, S + 2 : f32>
  %3 = tensor_ext.reduce max %2 over [1] : !tensor_ext.tensor<B : f32>
  func.return %3 : !tensor_ext.tensor<B : f32>
}
