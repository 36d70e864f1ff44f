// Random numbers as a function of what they are for, so that a resumed run and a second worker draw the same ones.
#pragma once
#include "memory.h"

// A hash whose bits are near independent of the input's ("lowbias32", Wellons 2018).
static inline u32 mix(u32 x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

// The key of a stream of random numbers: `kind` tells masks apart, `step` is the optimizer step.
static inline u32 stream_key(u32 seed, u32 step, u32 kind) { return mix(mix(mix(seed) + step) + kind); }

// Number `index` of a stream, 0 to 2^32 - 1.
static inline u32 random_at(u32 key, u32 index) { return mix(key ^ mix(index + 0x9e3779b9u)); }

// Whether an event of some probability happens.
static inline int happens(u32 key, u32 index, float probability) {
    return (random_at(key, index) >> 8) < (u32)(probability * 16777216.0f);
}
