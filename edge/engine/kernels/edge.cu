// All kernels of a bundle, one translation unit.
#include <cuda_fp16.h>

#include "preprocess.cu"
#include "postprocess.cu"
