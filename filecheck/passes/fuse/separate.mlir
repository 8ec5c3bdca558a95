// RUN: flashlight-opt --pass-pipeline=separate %s | filecheck %s

// c(r) leaves every reduction over j; what stays sees earlier ones as units only.

// CHECK-LABEL: @weighted
// sum_j p/l v  ==  (sum_j p v) / l
// CHECK:       %p = pointwise.exp %t : !loop.tile<i, j : f32>
// CHECK:       %{{.*}} = loop.contract %p, %v over [j] : !loop.tile<i, e : f32>
// CHECK-NEXT:  %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
// CHECK-NEXT:  %{{.*}} = pointwise.div %{{.*}}, %l : !loop.tile<i, e : f32>
func.func @weighted(%xQ: !tensor_ext.tensor<S, 4 : f32>, %xK: !tensor_ext.tensor<T, 4 : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @weighted_kernel(%Q = %xQ, %K = %xK, %V = %xV) dims [i = S, j = T, d = 4, e = 3] {
    %q = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %k = loop.load %K[j, d] : !loop.tile<j, d : f32>
    %s = loop.contract %q, %k over [d] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %n, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK-LABEL: @difference
// sum_j (p - 0.3 q) v  ==  sum_j p v - 0.3 sum_j q v
// CHECK:       loop.contract %p, %v over [j]
// CHECK:       loop.contract %py, %v over [j]
// CHECK:       pointwise.sub %{{.*}}, %{{.*}} : !loop.tile<i, e : f32>
// CHECK-NEXT:  loop.store
func.func @difference(%xY: !tensor_ext.tensor<S, T : f32>, %xQ: !tensor_ext.tensor<S, 4 : f32>, %xK: !tensor_ext.tensor<T, 4 : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @difference_kernel(%Y = %xY, %Q = %xQ, %K = %xK, %V = %xV) dims [i = S, j = T, d = 4, e = 3] {
    %c0 = arith.constant 0.3 : f64
    %q = loop.load %Q[i, d] : !loop.tile<i, d : f32>
    %k = loop.load %K[j, d] : !loop.tile<j, d : f32>
    %s = loop.contract %q, %k over [d] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    %y = loop.load %Y[i, j] : !loop.tile<i, j : f32>
    %my = loop.reduce max %y over [j] : !loop.tile<i : f32>
    %ty = pointwise.sub %y, %my : !loop.tile<i, j : f32>
    %py = pointwise.exp %ty : !loop.tile<i, j : f32>
    %ly = loop.reduce sum %py over [j] : !loop.tile<i : f32>
    %ny = pointwise.div %py, %ly : !loop.tile<i, j : f32>
    %h = pointwise.mul %ny, %c0 : !loop.tile<i, j : f32>
    %df = pointwise.sub %n, %h : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %df, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK-LABEL: @variance
// (x - mu)^2 is kept relative to the mean of what was seen, sum x / sum 1
// CHECK:       %a = loop.reduce sum %x over [j]
// CHECK:       [[N:%.*]] = loop.reduce sum %{{.*}} over [j] : f32
// CHECK-NEXT:  [[G:%.*]] = pointwise.div %a, [[N]] : !loop.tile<i : f32>
// CHECK:       pointwise.sub %x, [[G]] : !loop.tile<i, j : f32>
func.func @variance(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @variance_kernel(%X = %xX) dims [i = S, j = T] {
    %c0 = arith.constant 0.0588235294117647 : f64
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %a = loop.reduce sum %x over [j] : !loop.tile<i : f32>
    %mu = pointwise.mul %a, %c0 : !loop.tile<i : f32>
    %c = pointwise.sub %x, %mu : !loop.tile<i, j : f32>
    %c2 = pointwise.mul %c, %c : !loop.tile<i, j : f32>
    %b = loop.reduce sum %c2 over [j] : !loop.tile<i : f32>
    %o = pointwise.mul %b, %c0 : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// CHECK-LABEL: @log_sum_exp
// nothing to move: the maximum is a unit already
// CHECK:       %m = loop.reduce max %s over [j]
// CHECK-NEXT:  %t = pointwise.sub %s, %m
// CHECK-NEXT:  %p = pointwise.exp %t
// CHECK-NEXT:  %l = loop.reduce sum %p over [j]
func.func @log_sum_exp(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @log_sum_exp_kernel(%X = %xX) dims [i = S, j = T] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %g = pointwise.log %l : !loop.tile<i : f32>
    %o = pointwise.add %g, %m : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// CHECK-LABEL: @magnitude
// sum_j (x / m) v  ==  (sum_j x v) / m
// CHECK:       loop.contract %x, %v over [j]
// CHECK:       pointwise.div %{{.*}}, %m : !loop.tile<i, e : f32>
func.func @magnitude(%xX: !tensor_ext.tensor<S, T : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @magnitude_kernel(%X = %xX, %V = %xV) dims [i = S, j = T, e = 3] {
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %y = pointwise.abs %x : !loop.tile<i, j : f32>
    %m = loop.reduce max %y over [j] : !loop.tile<i : f32>
    %n = pointwise.div %x, %m : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %n, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK-LABEL: @largest
// max_j exp(s - m) / l  ==  exp(max_j s - m) / l
// CHECK:       loop.reduce max %s over [j]
// CHECK-NOT:   loop.reduce max
// CHECK:       loop.store
func.func @largest(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @largest_kernel(%X = %xX) dims [i = S, j = T] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    %o = loop.reduce max %n over [j] : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}
