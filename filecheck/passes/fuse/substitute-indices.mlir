// RUN: flashlight-opt --pass-pipeline=substitute-indices %s | filecheck %s

// A transpose is an index.
// CHECK-LABEL: @scores
// CHECK:       loop.kernel @k0(%Q = %q, %K = %k) dims [b = B, i = S, j = T, d = 64]
// CHECK-NEXT:    %0 = loop.load %Q[b, i, d] : !loop.tile<b, i, d : f32>
// CHECK-NEXT:    %1 = loop.load %K[b, j, d] : !loop.tile<b, j, d : f32>
// CHECK-NEXT:    %2 = loop.contract %0, %1 over [d] : !loop.tile<b, i, j : f32>
// CHECK-NEXT:    loop.store %2, 0[b, i, j]
func.func @scores(%q: !tensor_ext.tensor<B, S, 64 : f32>, %k: !tensor_ext.tensor<B, T, 64 : f32>) -> !tensor_ext.tensor<B, S, T : f32> {
  %r = tensor_ext.group @k0(%Q = %q, %K = %k) {
    %t = tensor_ext.transpose %K [0, 2, 1] : !tensor_ext.tensor<B, 64, T : f32>
    %s = tensor_ext.contract %Q[b, i, d], %t[b, d, j] -> [b, i, j] : !tensor_ext.tensor<B, S, T : f32>
    tensor_ext.yield %s
  } : !tensor_ext.tensor<B, S, T : f32>
  func.return %r : !tensor_ext.tensor<B, S, T : f32>
}

// Heads that share a key: repeat is i floordiv 3, without a copy.
// CHECK-LABEL: @repeated
// CHECK:       loop.load %K[i floordiv 3, j]
func.func @repeated(%k: !tensor_ext.tensor<2, S : f32>) -> !tensor_ext.tensor<6 : f32> {
  %r = tensor_ext.group @k0(%K = %k) {
    %b = tensor_ext.broadcast %K along [0, 2] : !tensor_ext.tensor<2, 3, S : f32>
    %v = tensor_ext.reshape %b : !tensor_ext.tensor<6, S : f32>
    %s = tensor_ext.reduce sum %v over [1] : !tensor_ext.tensor<6 : f32>
    tensor_ext.yield %s
  } : !tensor_ext.tensor<6 : f32>
  func.return %r : !tensor_ext.tensor<6 : f32>
}

// x xᵀ + |x|²: x at i and x at j are two instances; the squared norm at j binds the name that the product binds.
// CHECK-LABEL: @two_instances
// CHECK:       loop.load %X[i, d]
// CHECK-NEXT:  loop.load %X[j, d]
// CHECK-NEXT:  loop.contract %0, %1 over [d] : !loop.tile<i, j : f32>
// CHECK-NEXT:  pointwise.mul %1, %1 : !loop.tile<j, d : f32>
// CHECK-NEXT:  loop.reduce sum %{{.*}} over [d] : !loop.tile<j : f32>
func.func @two_instances(%x: !tensor_ext.tensor<S, 64 : f32>) -> !tensor_ext.tensor<S, S : f32> {
  %r = tensor_ext.group @k0(%X = %x) {
    %p = tensor_ext.contract %X[i, d], %X[j, d] -> [i, j] : !tensor_ext.tensor<S, S : f32>
    %q = pointwise.mul %X, %X : !tensor_ext.tensor<S, 64 : f32>
    %n = tensor_ext.reduce sum %q over [1] : !tensor_ext.tensor<S : f32>
    %b = tensor_ext.broadcast %n along [1] : !tensor_ext.tensor<S, S : f32>
    %s = pointwise.add %p, %b : !tensor_ext.tensor<S, S : f32>
    tensor_ext.yield %s
  } : !tensor_ext.tensor<S, S : f32>
  func.return %r : !tensor_ext.tensor<S, S : f32>
}

// concat and pad are masked loads; slice moves the index; an axis of one element needs no dim.
// CHECK-LABEL: @rotated
// CHECK:       pointwise.lt
// CHECK:       loop.load %X[0, i + 32] if %{{.*}} : !loop.tile<i : f32>
// CHECK:       pointwise.ge
// CHECK:       loop.load %X[0, i - 32] if %{{.*}} : !loop.tile<i : f32>
// CHECK:       pointwise.select
// CHECK:       loop.store %{{.*}}, 0[0, i]
func.func @rotated(%x: !tensor_ext.tensor<1, 64 : f32>) -> !tensor_ext.tensor<1, 64 : f32> {
  %r = tensor_ext.group @k0(%X = %x) {
    %a = tensor_ext.slice %X axis 1 from 0 step 1 : !tensor_ext.tensor<1, 32 : f32>
    %b = tensor_ext.slice %X axis 1 from 32 step 1 : !tensor_ext.tensor<1, 32 : f32>
    %n = pointwise.neg %b : !tensor_ext.tensor<1, 32 : f32>
    %c = tensor_ext.concat %n, %a axis 1 : !tensor_ext.tensor<1, 64 : f32>
    tensor_ext.yield %c
  } : !tensor_ext.tensor<1, 64 : f32>
  func.return %r : !tensor_ext.tensor<1, 64 : f32>
}

// CHECK-LABEL: @padded
// CHECK:       loop.load %X[i - 1] if %{{.*}} : !loop.tile<i : f32>
func.func @padded(%x: !tensor_ext.tensor<S : f32>) -> !tensor_ext.tensor<S + 1 : f32> {
  %r = tensor_ext.group @k0(%X = %x) {
    %p = tensor_ext.pad %X axis 0 low 1 high 0 : !tensor_ext.tensor<S + 1 : f32>
    tensor_ext.yield %p
  } : !tensor_ext.tensor<S + 1 : f32>
  func.return %r : !tensor_ext.tensor<S + 1 : f32>
}

// An index that is a value.
// CHECK-LABEL: @taken
// CHECK:       %0 = loop.load %IDS[i] : !loop.tile<i : i64>
// CHECK-NEXT:  loop.load %T[%0, {{[a-z]}}]
func.func @taken(%t: !tensor_ext.tensor<S, 64 : f32>, %ids: !tensor_ext.tensor<T : i64>) -> !tensor_ext.tensor<T : f32> {
  %r = tensor_ext.group @k0(%T = %t, %IDS = %ids) {
    %g = tensor_ext.take %T axis 0 at %IDS : !tensor_ext.tensor<T, 64 : f32>
    %s = tensor_ext.reduce sum %g over [1] : !tensor_ext.tensor<T : f32>
    tensor_ext.yield %s
  } : !tensor_ext.tensor<T : f32>
  func.return %r : !tensor_ext.tensor<T : f32>
}
