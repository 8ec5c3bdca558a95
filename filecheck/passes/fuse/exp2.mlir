// RUN: flashlight-opt --pass-pipeline=exp2 %s | filecheck %s

// max(c x) = c max x;  exp(c x - c m) = exp2((c log₂e) x - (c log₂e) m)
// CHECK-LABEL: @f
// CHECK:       %[[x:.*]] = loop.load %X[b, j]
// CHECK-NEXT:  %[[m:.*]] = loop.reduce max %[[x]] over [j]
// CHECK-NEXT:  %[[k:.*]] = arith.constant 0.18033688011112042 : f64
// CHECK-NEXT:  %[[a:.*]] = pointwise.mul %[[x]], %[[k]]
// CHECK-NEXT:  %[[u:.*]] = pointwise.mul %[[m]], %[[k]]
// CHECK-NEXT:  %[[d:.*]] = pointwise.sub %[[a]], %[[u]]
// CHECK-NEXT:  %{{.*}} = pointwise.exp2 %[[d]]
func.func @f(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
    %c = arith.constant 0.125 : f64
    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
    %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
    %2 = loop.reduce max %1 over [j] : !loop.tile<b : f32>
    %3 = pointwise.sub %1, %2 : !loop.tile<b, j : f32>
    %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
    %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
    loop.store %5, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}

// A scale comes out of a select against -∞, so that the masked scores are what both the maximum and the exponential see.
// CHECK-LABEL: @masked
// CHECK:       %[[s:.*]] = pointwise.select %{{.*}}, %{{.*}}, %ninf
// CHECK-NEXT:  %[[m:.*]] = loop.reduce max %[[s]] over [j]
// CHECK:       pointwise.mul %[[s]]
// CHECK:       pointwise.exp2
func.func @masked(%x: !tensor_ext.tensor<B, 64 : f32>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x) dims [b = B, j = 64] {
    %c = arith.constant 0.125 : f64
    %ninf = arith.constant 0xFFF0000000000000 : f64
    %0 = loop.load %X[b, j] : !loop.tile<b, j : f32>
    %i = loop.index b - j : !loop.tile<b, j : index>
    %zero = arith.constant 0 : index
    %k = pointwise.ge %i, %zero : !loop.tile<b, j : i1>
    %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
    %s = pointwise.select %k, %1, %ninf : !loop.tile<b, j : f32>
    %2 = loop.reduce max %s over [j] : !loop.tile<b : f32>
    %3 = pointwise.sub %s, %2 : !loop.tile<b, j : f32>
    %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
    %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
    loop.store %5, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}
