// RUN: not flashlight-opt --pass-pipeline=choose-sizes{i=-1} %s 2>&1 | filecheck %s --check-prefix NEGATIVE
// RUN: not flashlight-opt --pass-pipeline=choose-sizes{i=100} %s 2>&1 | filecheck %s --check-prefix ODD
// RUN: not flashlight-opt --pass-pipeline=choose-sizes{z=64} %s 2>&1 | filecheck %s --check-prefix MISSING

// NEGATIVE: choose-sizes: i wants one tile size from 1 to 8192
// ODD: choose-sizes: i=100 is no power of two
// MISSING: choose-sizes: no kernel has the dim z
func.func @f() {
  func.return
}
