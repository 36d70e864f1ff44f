// Memory of the WebAssembly module: blocks are taken once, at the start, and never given back.
#pragma once

typedef __UINTPTR_TYPE__ size;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// A block of zeros on a 64-byte boundary; 0 if the browser has no more memory.
void *take(size bytes);

static inline float *take_floats(size count) { return (float *)take(count * sizeof(float)); }

void *memset(void *target, int value, size count);
void *memcpy(void *target, const void *source, size count);
