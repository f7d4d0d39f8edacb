// The real .cu files, run thread by thread on the CPU: a fiber a thread, switched at barriers.
// As many floats as on the GPU: compile with -ffp-contract=off.
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using std::isfinite;
using std::max;
using std::min;

#define __device__
#define __global__
#define __shared__ static

struct Dim3 {
    int x, y, z;
};
struct float4 {
    float x, y, z, w;
};
struct __half {
    uint16_t bits;
};
static Dim3 gridDim, blockDim, blockIdx, threadIdx;

static float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static int atomicAdd(int *at, int value) { return std::exchange(*at, *at + value); }
static int atomicMax(int *at, int value) { return std::exchange(*at, max(*at, value)); }
static int __float_as_int(float value) {
    int bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
// For 0 and normal numbers, which is all that a pixel becomes; to the nearest, ties to even.
static __half __float2half_rn(float value) {
    const int bits = __float_as_int(value);
    if (bits == 0) return {0};
    const int rounded = bits + 0xfff + ((bits >> 13) & 1);
    return {static_cast<uint16_t>((rounded - ((127 - 15) << 23)) >> 13)};
}

static ucontext_t scheduler, *running;
static void __syncthreads() { swapcontext(running, &scheduler); }

#include "postprocess.cu"
#include "preprocess.cu"

static void (*body)(const char *);
static const char *body_arguments;
static bool *body_done;
static void fiber() {
    body(body_arguments);
    *body_done = true;
    setcontext(&scheduler);
}

static void run_block_with_barriers() {
    const size_t stack = 64 << 10;
    const int threads = blockDim.x;
    std::vector<char> stacks(threads * stack);
    std::vector<ucontext_t> contexts(threads);
    std::vector<char> done(threads, 0);
    for (int each = 0; each < threads; ++each) {
        getcontext(&contexts[each]);
        contexts[each].uc_stack.ss_sp = &stacks[each * stack];
        contexts[each].uc_stack.ss_size = stack;
        makecontext(&contexts[each], fiber, 0);
    }
    // Forwards, then backwards: a missing barrier shows.
    for (int round = 0; std::count(done.begin(), done.end(), 0); ++round)
        for (int turn = 0; turn < threads; ++turn) {
            const int each = round % 2 ? threads - 1 - turn : turn;
            if (done[each]) continue;
            threadIdx = {each, 0, 0};
            running = &contexts[each];
            body_done = reinterpret_cast<bool *>(&done[each]);
            swapcontext(&scheduler, running);
        }
}

template <class Argument>
static Argument taken(const char *&at) {
    at = reinterpret_cast<const char *>(
        (reinterpret_cast<uintptr_t>(at) + alignof(Argument) - 1) / alignof(Argument) *
        alignof(Argument));
    Argument value;
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    return value;
}

template <auto kernel, class... Arguments>
static void unpacked(const char *arguments, void (*)(Arguments...)) {
    std::apply(kernel, std::tuple<Arguments...>{taken<Arguments>(arguments)...});
}

template <auto kernel>
static void called(const char *arguments) {
    unpacked<kernel>(arguments, kernel);
}

struct Kernel {
    void (*body)(const char *);
    bool has_barriers;
};
static const std::map<std::string, Kernel> kernels = {
    {"preprocess_bgr_float", {called<preprocess_bgr_float>, false}},
    {"preprocess_bgr_half", {called<preprocess_bgr_half>, false}},
    {"preprocess_nv12_float", {called<preprocess_nv12_float>, false}},
    {"preprocess_nv12_half", {called<preprocess_nv12_half>, false}},
    {"decode", {called<decode>, false}},
    {"rank", {called<rank>, true}},
    {"suppress", {called<suppress>, true}},
};

// arguments: packed as for cuLaunchKernel, 8-byte aligned. Returns 0 if there is such a kernel.
extern "C" int launch(const char *name, const int *grid, const int *block, const char *arguments) {
    const auto found = kernels.find(name);
    if (found == kernels.end()) return 500;  // CUDA_ERROR_NOT_FOUND
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    body = found->second.body;
    body_arguments = arguments;
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
            if (found->second.has_barriers) {
                run_block_with_barriers();
                continue;
            }
            for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y)
                for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) body(arguments);
        }
    return 0;
}
