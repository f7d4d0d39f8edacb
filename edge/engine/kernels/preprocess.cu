// One picture into the network's input: letterbox, RGB, 0..1, planes; a thread a model pixel.
//
// The arithmetic is that of edge/vision/letterbox.py, that is, of OpenCV's INTER_LINEAR on 8 bits:
// weights of 11 bits, in integers. The tensor equals the CPU's bit for bit.

typedef unsigned char Byte;

struct Picture {
    const Byte *bytes;
    int width;
    int height;
};

struct Colour {
    int blue, green, red;
};

// Which two neighbours make a pixel, and their shares in 1/2048.
struct Tap {
    int near, far, near_share, far_share;
};

struct Bgr {
    static __device__ Colour at(const Picture &picture, int x, int y) {
        const Byte *pixel = picture.bytes + 3 * (static_cast<size_t>(y) * picture.width + x);
        return {pixel[0], pixel[1], pixel[2]};
    }
};

__device__ inline int saturated(int value) { return min(max(value, 0), 255); }

// BT.601, video range, in 1/2^20: the integers of OpenCV's COLOR_YUV2BGR_NV12.
struct Nv12 {
    static __device__ Colour at(const Picture &picture, int x, int y) {
        const size_t width = picture.width;
        const Byte *chroma = picture.bytes + width * picture.height + width * (y / 2) + (x & ~1);
        const int luma = max(0, picture.bytes[width * y + x] - 16) * 1220542 + (1 << 19);
        const int u = chroma[0] - 128, v = chroma[1] - 128;
        return {saturated((luma + 2116026 * u) >> 20),
                saturated((luma - 409993 * u - 852492 * v) >> 20),
                saturated((luma + 1673527 * v) >> 20)};
    }
};

__device__ inline int along_row(int near, int far, const Tap &tap) {
    return near * tap.near_share + far * tap.far_share;
}

// Each half is rounded on its own, as OpenCV does it.
__device__ inline int across_rows(int near, int far, const Tap &tap) {
    return (((tap.near_share * (near >> 4)) >> 16) + ((tap.far_share * (far >> 4)) >> 16) + 2) >> 2;
}

template <class Format>
__device__ Colour resized(const Picture &picture, const Tap &column, const Tap &row) {
    const Colour a = Format::at(picture, column.near, row.near);
    const Colour b = Format::at(picture, column.far, row.near);
    const Colour c = Format::at(picture, column.near, row.far);
    const Colour d = Format::at(picture, column.far, row.far);
    return {across_rows(along_row(a.blue, b.blue, column), along_row(c.blue, d.blue, column), row),
            across_rows(along_row(a.green, b.green, column), along_row(c.green, d.green, column), row),
            across_rows(along_row(a.red, b.red, column), along_row(c.red, d.red, column), row)};
}

__device__ inline void store(float *target, float value) { *target = value; }
__device__ inline void store(__half *target, float value) { *target = __float2half_rn(value); }

// image: where the picture's address is found: frames lie elsewhere each time, the graph stays.
// taps: one for each column of the scaled picture, then one for each of its rows.
template <class Format, class Number>
__device__ void preprocess(const Byte *const *image, const Tap *taps, Number *tensor, int width,
                           int height, int inner_width, int inner_height, int left, int top,
                           int model_width, int model_height) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= model_width || y >= model_height) return;
    const int column = x - left, row = y - top;
    Colour colour = {114, 114, 114};
    if (column >= 0 && column < inner_width && row >= 0 && row < inner_height)
        colour = resized<Format>({*image, width, height}, taps[column], taps[inner_width + row]);
    const int plane = model_width * model_height, at = y * model_width + x;
    store(tensor + at, colour.red / 255.0f);
    store(tensor + plane + at, colour.green / 255.0f);
    store(tensor + 2 * plane + at, colour.blue / 255.0f);
}

#define PREPROCESS(name, Format, Number)                                                           \
    extern "C" __global__ void name(const Byte *const *image, const Tap *taps, Number *tensor,     \
                                    int width, int height, int inner_width, int inner_height,      \
                                    int left, int top, int model_width, int model_height) {        \
        preprocess<Format>(image, taps, tensor, width, height, inner_width, inner_height, left,    \
                           top, model_width, model_height);                                        \
    }

PREPROCESS(preprocess_bgr_float, Bgr, float)
PREPROCESS(preprocess_bgr_half, Bgr, __half)
PREPROCESS(preprocess_nv12_float, Nv12, float)
PREPROCESS(preprocess_nv12_half, Nv12, __half)
