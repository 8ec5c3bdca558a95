// RUN: flashlight-opt -t triton --pass-pipeline=lower %s | filecheck %s

// Names are numbers; one 64-bit offset of the tile, then offsets inside it in 32 bits (64 if the launch is WIDE).
// CHECK: import triton
// CHECK: def kernel_0(p0, s0_0, s0_1, s0_2, p1, s1_0, s1_1, z0, z1, WIDE: tl.constexpr):
// CHECK-NEXT: IDX: tl.constexpr = tl.int64 if WIDE else tl.int32
// CHECK-NEXT: z1 = tl.cast(z1, IDX)
// CHECK: tl.program_id(0).to(IDX)
// CHECK: tl.arange(0, 64).to(IDX)

// CHECK: [[V:v[0-9]+]] = tl.load(p0 + tl.cast({{v[0-9]+}}, tl.int64) * s0_0 + tl.cast({{v[0-9]+}}, tl.int64) * s0_1 + ({{v[0-9]+}} * s0_1 + {{v[0-9]+}} * s0_2), mask={{v[0-9]+}}, other=0)
// CHECK-NEXT: [[R:v[0-9]+]] = tl.sum([[V]], 1)
// CHECK-NEXT: tl.store(p1 + tl.cast({{v[0-9]+}}, tl.int64) * s1_0 + tl.cast({{v[0-9]+}}, tl.int64) * s1_1 + ({{v[0-9]+}} * s1_1), [[R]], mask={{v[0-9]+}})
func.func @rows(%x: !tensor_ext.tensor<B, S, 64 : f32>) -> !tensor_ext.tensor<B, S : f32> {
  %r = loop.kernel @"k():\n pass\nimport os"(%X = %x) dims [b = B, i = S, d = 64] schedule [b grid 1, i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %X[b, i, d] : !loop.tile<b, i, d : f32>
    %1 = loop.reduce sum %0 over [d] : !loop.tile<b, i : f32>
    loop.store %1, 0[b, i]
  } : !tensor_ext.tensor<B, S : f32>
  func.return %r : !tensor_ext.tensor<B, S : f32>
}

// Remainders of what may be negative are Python's; a maximum keeps NaN; only the helpers in use are printed.
// CHECK-LABEL: def kernel_1(
// CHECK: amax({{v[0-9]+}}, 1)
// CHECK: mod(-z0 + {{v[0-9]+}}, 7)
func.func @helpers(%x: !tensor_ext.tensor<S, 64 : f32>) -> (!tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : i64>) {
  %r, %n = loop.kernel @k(%X = %x) dims [i = S, d = 64] schedule [i grid 64, d whole] warps 4 stages 2 {
    %0 = loop.load %X[i, d] : !loop.tile<i, d : f32>
    %1 = loop.reduce max %0 over [d] : !loop.tile<i : f32>
    %2 = loop.index (i - S) mod 7 : !loop.tile<i : index>
    %3 = pointwise.cast %2 : !loop.tile<i : i64>
    loop.store %1, 0[i]
    loop.store %3, 1[i]
  } : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : i64>
  func.return %r, %n : !tensor_ext.tensor<S : f32>, !tensor_ext.tensor<S : i64>
}
