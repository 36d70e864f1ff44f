#include "memory.h"

#define PAGE 65536
#define ALIGNMENT 64

extern u8 __heap_base;
static size next;

void *take(size bytes) {
    if (!next) next = (size)&__heap_base;
    size start = (next + ALIGNMENT - 1) & ~(size)(ALIGNMENT - 1);
    size end = start + bytes, present = __builtin_wasm_memory_size(0) * (size)PAGE;
    if (end < start) return 0;
    if (end > present && __builtin_wasm_memory_grow(0, (end - present + PAGE - 1) / PAGE) == (size)-1) return 0;
    next = end;
    return (void *)start;  // fresh pages are zeros
}

// Clang emits calls to these two. `-mbulk-memory` is not used, so they are loops over 16 bytes.
void *memset(void *target, int value, size count) {
    u8 *at = target;
    u64 eight = 0x0101010101010101ull * (u8)value;
    for (; count && ((size)at & 7); count--) *at++ = (u8)value;
    for (; count >= 8; count -= 8, at += 8) *(volatile u64 *)at = eight;
    for (; count; count--) *(volatile u8 *)at++ = (u8)value;
    return target;
}

void *memcpy(void *target, const void *source, size count) {
    volatile u8 *to = target;
    const u8 *from = source;
    if (!(((size)to | (size)from) & 7))
        for (; count >= 8; count -= 8, to += 8, from += 8) *(volatile u64 *)to = *(const u64 *)from;
    for (; count; count--) *to++ = *from++;
    return target;
}
