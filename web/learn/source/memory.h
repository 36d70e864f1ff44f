// The types, and the two functions on memory that become instructions of WebAssembly (-mbulk-memory).
#pragma once

typedef __UINTPTR_TYPE__ size;
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define memset __builtin_memset
#define memcpy __builtin_memcpy
