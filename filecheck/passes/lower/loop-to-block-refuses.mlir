// RUN: flashlight-opt -t mlir --pass-pipeline=loop-to-block %s 2>&1 | filecheck %s

// CHECK-DAG: remark [loop-to-block]: refused: dim d = T is covered whole but is no constant
// CHECK-DAG: remark [loop-to-block]: refused: dim i has no tile size
// CHECK-DAG: remark [loop-to-block]: refused: the tile of dim i has 48 elements, which is no power of two
// CHECK-DAG: remark [loop-to-block]: refused: a block has axes, and at most 1048576 elements
// CHECK-DAG: remark [loop-to-block]: refused: dim d is streamed, but used outside of its folds
// CHECK-NOT: block.kernel
func.func @whole(%x: !tensor_ext.tensor<S, T : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, d = T] schedule [i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<i : f32>
    loop.store %1, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

func.func @untiled(%x: !tensor_ext.tensor<S : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S] schedule [i grid] warps 4 stages 2 {
    %0 = loop.load %X[i] : !loop.tile<i : f32>
    loop.store %0, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

func.func @odd(%x: !tensor_ext.tensor<S : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S] schedule [i grid 48] warps 4 stages 2 {
    %0 = loop.load %X[i] : !loop.tile<i : f32>
    loop.store %0, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

func.func @large(%x: !tensor_ext.tensor<S, 8192 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, d = 8192] schedule [i grid 1024, d whole] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<i : f32>
    loop.store %1, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}

func.func @streamed(%x: !tensor_ext.tensor<S, 64 : f32>) -> !tensor_ext.tensor<S : f32> {
  %r = loop.kernel @k(%X = %x) dims [i = S, d = 64] schedule [i grid 64, d stream 64] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<i : f32>
    loop.store %1, 0[i]
  } : !tensor_ext.tensor<S : f32>
  func.return %r : !tensor_ext.tensor<S : f32>
}
