// RUN: flashlight-opt --pass-pipeline=exp2 %s | filecheck %s

// max(c x) = c max x;  exp(c x - c m) = exp2((c log₂e) x - (c log₂e) m)
// CHECK-LABEL: @f
// CHECK:       %[[x:.*]] = loop.contract
// CHECK-NEXT:  %[[k:.*]] = arith.constant 0.18033688011112042 : f64
// CHECK-NEXT:  %[[a:.*]] = pointwise.mul %[[x]], %[[k]]
// CHECK-NEXT:  %[[m:.*]] = loop.reduce max %[[x]] over [j]
// CHECK-NEXT:  %[[u:.*]] = pointwise.mul %[[m]], %[[k]]
// CHECK-NEXT:  %[[d:.*]] = pointwise.sub %[[a]], %[[u]]
// CHECK-NEXT:  %{{.*}} = pointwise.exp2 %[[d]]
func.func @f(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<64, 16 : f16>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = 64, d = 16] {
    %c = arith.constant 0.125 : f64
    %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
    %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
    %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
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
// CHECK:       pointwise.mul %[[s]]
// CHECK:       loop.reduce max %[[s]] over [j]
// CHECK:       pointwise.exp2
func.func @masked(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<64, 16 : f16>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = 64, d = 16] {
    %c = arith.constant 0.125 : f64
    %ninf = arith.constant 0xFFF0000000000000 : f64
    %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
    %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
    %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
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

// A fold carries its maximum as the rounded m·log₂e: scores and rescaling subtract that same number.
// CHECK-LABEL: @carried
// CHECK:       loop.fold over [j] in [0, T) (%[[m0:.*]] = %ninf : !loop.tile<b : f32>,
// CHECK:       %[[r:.*]] = loop.reduce max %{{.*}} over [j]
// CHECK-NEXT:  %[[u:.*]] = pointwise.mul %[[r]]
// CHECK-NEXT:  %[[m1:.*]] = pointwise.max %[[m0]], %[[u]]
// CHECK:       %[[d:.*]] = pointwise.sub %[[m0]], %[[m1]]
// CHECK-NEXT:  pointwise.exp2 %[[d]]
// CHECK:       loop.yield %[[m1]]
// CHECK:       loop.store
func.func @carried(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<T, 16 : f16>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = T, d = 16] {
    %c = arith.constant 0.125 : f64
    %ninf = arith.constant 0xFFF0000000000000 : f64
    %zero = arith.constant 0.0 : f64
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<b : f32>, %l0 = %zero : !loop.tile<b : f32>) {
      %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
      %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
      %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
      %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<b : f32>
      %m1 = pointwise.max %m0, %2 : !loop.tile<b : f32>
      %3 = pointwise.sub %1, %m1 : !loop.tile<b, j : f32>
      %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
      %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
      %6 = pointwise.sub %m0, %m1 : !loop.tile<b : f32>
      %7 = pointwise.exp %6 : !loop.tile<b : f32>
      %8 = pointwise.mul %l0, %7 : !loop.tile<b : f32>
      %9 = pointwise.add %8, %5 : !loop.tile<b : f32>
      loop.yield %m1, %9
    }
    loop.store %l, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}

// Where the maximum is read by more than exponentials, it stays the program's: exp2((s - m)·log₂e).
// CHECK-LABEL: @read
// CHECK:       %[[r:.*]] = loop.reduce max %{{.*}} over [j]
// CHECK-NEXT:  %[[m:.*]] = pointwise.max %{{.*}}, %[[r]]
// CHECK-NEXT:  %[[x:.*]] = pointwise.sub %{{.*}}, %[[m]]
// CHECK-NEXT:  %[[c:.*]] = arith.constant 1.44269504
// CHECK-NEXT:  %[[y:.*]] = pointwise.mul %[[x]], %[[c]]
// CHECK-NEXT:  pointwise.exp2 %[[y]]
// CHECK:       loop.store
func.func @read(%x: !tensor_ext.tensor<B, 16 : f16>, %y: !tensor_ext.tensor<T, 16 : f16>) -> (!tensor_ext.tensor<B : f32>, !tensor_ext.tensor<B : f32>) {
  %r, %t = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = T, d = 16] {
    %c = arith.constant 0.125 : f64
    %ninf = arith.constant 0xFFF0000000000000 : f64
    %zero = arith.constant 0.0 : f64
    %m, %l = loop.fold over [j] in [0, T) (%m0 = %ninf : !loop.tile<b : f32>, %l0 = %zero : !loop.tile<b : f32>) {
      %q = loop.load %X[b, d] : !loop.tile<b, d : f16>
      %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : f16>
      %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
      %1 = pointwise.mul %0, %c : !loop.tile<b, j : f32>
      %2 = loop.reduce max %1 over [j] : !loop.tile<b : f32>
      %m1 = pointwise.max %m0, %2 : !loop.tile<b : f32>
      %3 = pointwise.sub %1, %m1 : !loop.tile<b, j : f32>
      %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
      %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
      %6 = pointwise.sub %m0, %m1 : !loop.tile<b : f32>
      %7 = pointwise.exp %6 : !loop.tile<b : f32>
      %8 = pointwise.mul %l0, %7 : !loop.tile<b : f32>
      %9 = pointwise.add %8, %5 : !loop.tile<b : f32>
      loop.yield %m1, %9
    }
    loop.store %l, 0[b]
    loop.store %m, 1[b]
  } : !tensor_ext.tensor<B : f32>, !tensor_ext.tensor<B : f32>
  func.return %r, %t : !tensor_ext.tensor<B : f32>, !tensor_ext.tensor<B : f32>
}

// The most negative number of bf16 times log₂e would be -∞: scores hide behind -2¹²⁶ as well.
// CHECK-LABEL: @finite
// CHECK:       %[[far:.*]] = arith.constant -8.5{{.*}}e+37 : f64
// CHECK:       pointwise.add %{{.*}}, %[[far]]
// CHECK:       pointwise.exp2
func.func @finite(%x: !tensor_ext.tensor<B, 16 : bf16>, %y: !tensor_ext.tensor<64, 16 : bf16>) -> !tensor_ext.tensor<B : f32> {
  %r = loop.kernel @k0(%X = %x, %Y = %y) dims [b = B, j = 64, d = 16] {
    %far = arith.constant -3.3895313892515355e+38 : f64
    %q = loop.load %X[b, d] : !loop.tile<b, d : bf16>
    %y_0 = loop.load %Y[j, d] : !loop.tile<j, d : bf16>
    %0 = loop.contract %q, %y_0 over [d] : !loop.tile<b, j : f32>
    %i = loop.index b - j : !loop.tile<b, j : index>
    %zero = arith.constant 0 : index
    %k = pointwise.ge %i, %zero : !loop.tile<b, j : i1>
    %1 = pointwise.add %0, %far : !loop.tile<b, j : f32>
    %s = pointwise.select %k, %0, %1 : !loop.tile<b, j : f32>
    %2 = loop.reduce max %s over [j] : !loop.tile<b : f32>
    %3 = pointwise.sub %s, %2 : !loop.tile<b, j : f32>
    %4 = pointwise.exp %3 : !loop.tile<b, j : f32>
    %5 = loop.reduce sum %4 over [j] : !loop.tile<b : f32>
    loop.store %5, 0[b]
  } : !tensor_ext.tensor<B : f32>
  func.return %r : !tensor_ext.tensor<B : f32>
}
