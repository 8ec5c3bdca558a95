// RUN: flashlight-opt --pass-pipeline=separate %s 2>&1 | filecheck %s

// No finite sum of c(r) * a(x) equals these summands: the op is named, the program stays.

// CHECK:       remark [separate]: refused: no law takes what is known only after the loop out of 'exp': loop.reduce needs another pass over j
func.func @twice(%xX: !tensor_ext.tensor<S, T : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @twice_kernel(%X = %xX, %V = %xV) dims [i = S, j = T, e = 3] {
    %s = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %m = loop.reduce max %s over [j] : !loop.tile<i : f32>
    %t = pointwise.sub %s, %m : !loop.tile<i, j : f32>
    %p = pointwise.exp %t : !loop.tile<i, j : f32>
    %l = loop.reduce sum %p over [j] : !loop.tile<i : f32>
    %n = pointwise.div %p, %l : !loop.tile<i, j : f32>
    %m2 = loop.reduce max %n over [j] : !loop.tile<i : f32>
    %t2 = pointwise.sub %n, %m2 : !loop.tile<i, j : f32>
    %p2 = pointwise.exp %t2 : !loop.tile<i, j : f32>
    %l2 = loop.reduce sum %p2 over [j] : !loop.tile<i : f32>
    %n2 = pointwise.div %p2, %l2 : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %n2, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}

// CHECK:       remark [separate]: refused: no law takes what is known only after the loop out of 'exp': loop.reduce needs another pass over j
func.func @sigma(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @sigma_kernel(%X = %xX) dims [i = S, j = T] {
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %x2 = pointwise.mul %x, %x : !loop.tile<i, j : f32>
    %a = loop.reduce sum %x2 over [j] : !loop.tile<i : f32>
    %r = pointwise.sqrt %a : !loop.tile<i : f32>
    %s = pointwise.div %x, %r : !loop.tile<i, j : f32>
    %es = pointwise.exp %s : !loop.tile<i, j : f32>
    %o = loop.reduce sum %es over [j] : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// CHECK:       remark [separate]: refused: no law takes what is known only after the loop out of 'max': loop.reduce needs another pass over j
func.func @relu(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @relu_kernel(%X = %xX) dims [i = S, j = T] {
    %c0 = arith.constant 0.0588 : f64
    %c1 = arith.constant 0.0 : f64
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %a = loop.reduce sum %x over [j] : !loop.tile<i : f32>
    %mu = pointwise.mul %a, %c0 : !loop.tile<i : f32>
    %c = pointwise.sub %x, %mu : !loop.tile<i, j : f32>
    %r = pointwise.max %c, %c1 : !loop.tile<i, j : f32>
    %o = loop.reduce sum %r over [j] : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// CHECK:       remark [separate]: refused: no law takes what is known only after the loop out of 'tanh': loop.reduce needs another pass over j
func.func @tanh(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @tanh_kernel(%X = %xX) dims [i = S, j = T] {
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %m = loop.reduce max %x over [j] : !loop.tile<i : f32>
    %c = pointwise.sub %x, %m : !loop.tile<i, j : f32>
    %r = pointwise.tanh %c : !loop.tile<i, j : f32>
    %o = loop.reduce sum %r over [j] : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// CHECK:       remark [separate]: refused: no law takes what is known only after the loop out of 'abs': loop.reduce needs another pass over j
func.func @abs(%xX: !tensor_ext.tensor<S, T : f32>) -> (!tensor_ext.tensor<S : f32>) {
  %r0 = loop.kernel @abs_kernel(%X = %xX) dims [i = S, j = T] {
    %c0 = arith.constant 0.0588 : f64
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %a = loop.reduce sum %x over [j] : !loop.tile<i : f32>
    %mu = pointwise.mul %a, %c0 : !loop.tile<i : f32>
    %c = pointwise.sub %x, %mu : !loop.tile<i, j : f32>
    %r = pointwise.abs %c : !loop.tile<i, j : f32>
    %o = loop.reduce sum %r over [j] : !loop.tile<i : f32>
    loop.store %o, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r0 : !tensor_ext.tensor<S : f32>
}

// foldable, but the sum cancels where x has an offset
// CHECK:       remark [separate]: refused: the sum of (w - unit) times factors of either sign cancels: loop.contract needs another pass over j
func.func @matrix(%xX: !tensor_ext.tensor<S, T : f32>, %xV: !tensor_ext.tensor<T, 3 : f32>) -> (!tensor_ext.tensor<S, 3 : f32>) {
  %r0 = loop.kernel @matrix_kernel(%X = %xX, %V = %xV) dims [i = S, j = T, e = 3] {
    %c0 = arith.constant 0.0588235294117647 : f64
    %x = loop.load %X[i, j] : !loop.tile<i, j : f32>
    %a = loop.reduce sum %x over [j] : !loop.tile<i : f32>
    %mu = pointwise.mul %a, %c0 : !loop.tile<i : f32>
    %c = pointwise.sub %x, %mu : !loop.tile<i, j : f32>
    %v = loop.load %V[j, e] : !loop.tile<j, e : f32>
    %o = loop.contract %c, %v over [j] : !loop.tile<i, e : f32>
    loop.store %o, 0[i, e]
  } : !tensor_ext.tensor<S, 3 : f32>
  func.return %r0 : !tensor_ext.tensor<S, 3 : f32>
}
