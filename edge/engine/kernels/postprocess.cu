// The head of YOLOv8 to boxes in image pixels: decode, sort, class-aware suppression.
//
// Float arithmetic in the order of edge/vision/{yolo,nms,letterbox}.py, without fused
// multiply-add: the same boxes in the same order, bit for bit, each time.

struct Candidate {
    float left, top, right, bottom, score;
    int class_id, anchor, unused;
};

// Starts the result; zeroed before decode.
struct Summary {
    int candidates;
    int kept;
    int not_finite;   // values of the head that are NaN or infinite
    float top_score;  // the best score, if one is absurd; else 0
};

const int BLOCK = 256;               // threads of rank and suppress
const int MOST_CANDIDATES = 30000;   // as edge/vision/nms.py
const float FAR_AWAY = 1e6f;         // model pixels; as edge/vision/yolo.py
const float ABSURD_SCORE = 1.001f;   // above; as edge/vision/yolo.py
const float TINY = 1.17549435e-38f;  // least normal float

__device__ inline float clipped(float value, float least, float most) {
    return fminf(fmaxf(value, least), most);
}

// A thread an anchor; candidates are written in no order.
extern "C" __global__ void decode(const float *head, Summary *summary, Candidate *found,
                                  int classes, int anchors, float confidence) {
    const int anchor = blockIdx.x * blockDim.x + threadIdx.x;
    if (anchor >= anchors) return;
    const float *column = head + anchor;
    float box[4];
    int not_finite = 0;
    for (int row = 0; row < 4; ++row) {
        box[row] = column[static_cast<size_t>(row) * anchors];
        not_finite += !isfinite(box[row]);
    }
    int best = 0;
    float score = column[static_cast<size_t>(4) * anchors];
    not_finite += !isfinite(score);
    for (int each = 1; each < classes; ++each) {
        const float other = column[static_cast<size_t>(4 + each) * anchors];
        not_finite += !isfinite(other);
        if (other > score) score = other, best = each;
    }
    if (not_finite) atomicAdd(&summary->not_finite, not_finite);
    // Bits of positive floats order as the floats do.
    if (score > ABSURD_SCORE)
        atomicMax(reinterpret_cast<int *>(&summary->top_score), __float_as_int(score));
    if (!(score >= confidence)) return;
    const float half_width = box[2] / 2.0f, half_height = box[3] / 2.0f;
    found[atomicAdd(&summary->candidates, 1)] = {
        clipped(box[0] - half_width, -FAR_AWAY, FAR_AWAY),
        clipped(box[1] - half_height, -FAR_AWAY, FAR_AWAY),
        clipped(box[0] + half_width, -FAR_AWAY, FAR_AWAY),
        clipped(box[1] + half_height, -FAR_AWAY, FAR_AWAY),
        score, best, anchor, 0};
}

// A thread a candidate: its place is the number of better ones. Of equal scores the earlier
// anchor is the better one, so there is exactly one order.
extern "C" __global__ void rank(const Candidate *found, const Summary *summary,
                                Candidate *sorted) {
    __shared__ float scores[BLOCK];
    __shared__ int anchors[BLOCK];
    const int total = summary->candidates;
    const int first = blockIdx.x * BLOCK, mine = first + threadIdx.x;
    if (first >= total) return;
    const Candidate candidate = found[min(mine, total - 1)];
    int place = 0;
    for (int start = 0; start < total; start += BLOCK) {
        const int here = min(BLOCK, total - start);
        __syncthreads();
        if (threadIdx.x < here) {
            scores[threadIdx.x] = found[start + threadIdx.x].score;
            anchors[threadIdx.x] = found[start + threadIdx.x].anchor;
        }
        __syncthreads();
        for (int each = 0; each < here; ++each)
            place += scores[each] > candidate.score ||
                     (scores[each] == candidate.score && anchors[each] < candidate.anchor);
    }
    if (mine < total) sorted[place] = candidate;
}

__device__ inline float area(const Candidate &box) {
    return fmaxf(box.right - box.left, 0.0f) * fmaxf(box.bottom - box.top, 0.0f);
}

__device__ inline bool rivals(const Candidate &box, const Candidate &other, float iou) {
    if (box.class_id != other.class_id) return false;
    const float width = fminf(box.right, other.right) - fmaxf(box.left, other.left);
    const float height = fminf(box.bottom, other.bottom) - fmaxf(box.top, other.top);
    const float shared = fmaxf(width, 0.0f) * fmaxf(height, 0.0f);
    const float joint = area(box) + area(other) - shared;
    return shared / fmaxf(joint, TINY) > iou;
}

// How many of these flags are set before this thread's, and in all.
__device__ inline int counted(const bool *flags, int here, int &all) {
    int before = 0;
    all = 0;
    for (int each = 0; each < here; ++each) {
        if (each == threadIdx.x) before = all;
        all += flags[each];
    }
    return before;
}

// One block. Best first, in tiles: against what was kept, then among the tile.
__device__ int suppressed(const Candidate *sorted, int total, Candidate *kept, float iou,
                          int max_boxes) {
    __shared__ Candidate tile[BLOCK];
    __shared__ bool alive[BLOCK];
    const int thread = threadIdx.x;
    int survivors = 0;
    for (int start = 0; start < total && survivors < max_boxes; start += BLOCK) {
        const int here = min(BLOCK, total - start);
        bool lives = thread < here;
        const Candidate mine = sorted[min(start + thread, total - 1)];
        for (int each = 0; each < survivors && lives; ++each)
            lives = !rivals(mine, kept[each], iou);
        __syncthreads();  // the last tile's flags are counted
        tile[thread] = mine;
        alive[thread] = lives;
        __syncthreads();
        for (int each = 0; each < here; ++each) {
            if (!alive[each]) continue;
            if (thread > each && alive[thread] && rivals(mine, tile[each], iou))
                alive[thread] = false;
            __syncthreads();
        }
        int all;
        const int place = survivors + counted(alive, here, all);
        if (alive[thread] && place < max_boxes) kept[place] = mine;
        survivors = min(survivors + all, max_boxes);
        __syncthreads();
    }
    return survivors;
}

// One block. The result: the summary, then boxes, scores and class ids of max_boxes each.
// Boxes outside the image are dropped after suppression, as edge/detect.py does it.
extern "C" __global__ void suppress(const Candidate *sorted, const Summary *summary,
                                    Candidate *kept, Summary *result, int max_boxes, float iou,
                                    float scale, float left, float top, float width,
                                    float height) {
    __shared__ bool inside[BLOCK];
    float4 *boxes = reinterpret_cast<float4 *>(result + 1);
    float *scores = reinterpret_cast<float *>(boxes + max_boxes);
    int *class_ids = reinterpret_cast<int *>(scores + max_boxes);
    const int total = min(summary->candidates, MOST_CANDIDATES);
    const int survivors = suppressed(sorted, total, kept, iou, max_boxes);
    int written = 0;
    for (int start = 0; start < survivors; start += BLOCK) {
        const int mine = start + threadIdx.x;
        Candidate box = kept[min(mine, survivors - 1)];
        box.left = clipped((box.left - left) / scale, 0.0f, width);
        box.top = clipped((box.top - top) / scale, 0.0f, height);
        box.right = clipped((box.right - left) / scale, 0.0f, width);
        box.bottom = clipped((box.bottom - top) / scale, 0.0f, height);
        __syncthreads();  // the last round's flags are counted
        inside[threadIdx.x] = mine < survivors && area(box) > 0.0f;
        __syncthreads();
        int all;
        const int place = written + counted(inside, min(BLOCK, survivors - start), all);
        if (inside[threadIdx.x]) {
            boxes[place] = make_float4(box.left, box.top, box.right, box.bottom);
            scores[place] = box.score;
            class_ids[place] = box.class_id;
        }
        written += all;
    }
    if (threadIdx.x == 0)
        *result = {summary->candidates, written, summary->not_finite, summary->top_score};
}
