// What all cells share: packing, matrix products, threads. Built once.

#include "kernel.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

// Vectors of accumulators must fit the registers: 2 a row, 16 registers or 32.
constexpr int TILE = BYTES == 64 ? 12 : 6, PANEL = 2 * LANES;

// Weights in panels of PANEL columns of the result, so that a product reads them in order. The result has a column
// for each row of the weight, or for each column of it (transposed).
extern "C" void pack(const T* w, int64 rows, int64 columns, bool transposed, T* out) {
  const int64 count = transposed ? columns : rows, depth = transposed ? rows : columns;
  for (int64 c0 = 0; c0 < count; c0 += PANEL)
    for (int64 k = 0; k < depth; ++k)
      for (int64 c = c0; c < c0 + PANEL; ++c)
        *out++ = c >= count ? T(0) : transposed ? w[k * columns + c] : w[c * columns + k];
}

template <int R>
INLINE void tile(int64 depth, const T* a, int64 lda, const T* p, T* c, int64 ldc, int64 columns, bool adds, const T* bias) {
  V sum[R][2] = {};
  for (int64 k = 0; k < depth; ++k, p += PANEL) {
    const V p0 = load(p), p1 = load(p + LANES);
    for (int r = 0; r < R; ++r) {
      const V x = splat(a[r * lda + k]);
      sum[r][0] += x * p0;
      sum[r][1] += x * p1;
    }
  }
  for (int r = 0; r < R; ++r) {
    T row[PANEL];
    T* const to = columns == PANEL ? c + r * ldc : row;
    if (columns != PANEL && adds) __builtin_memcpy(row, c + r * ldc, columns * sizeof(T));
    if (columns != PANEL && bias) __builtin_memcpy(row, bias, columns * sizeof(T));
    const T* const from = bias && columns == PANEL ? bias : to;
    store(to, adds || bias ? load(from) + sum[r][0] : sum[r][0]);
    store(to + LANES, adds || bias ? load(from + LANES) + sum[r][1] : sum[r][1]);
    if (columns != PANEL) __builtin_memcpy(c + r * ldc, row, columns * sizeof(T));
  }
}
template <int R>
INLINE void tiles(int64 rows, int64 depth, const T* a, int64 lda, const T* p, T* c, int64 ldc, int64 columns, bool adds, const T* bias) {
  if constexpr (R > 0) {
    if (rows == R) tile<R>(depth, a, lda, p, c, ldc, columns, adds, bias);
    else tiles<R - 1>(rows, depth, a, lda, p, c, ldc, columns, adds, bias);
  }
}
// c = a w, or c += a w, or c = bias + a w, for n rows.
extern "C" void gemm(int64 n, int64 width, int64 depth, const T* a, int64 lda, const T* packed, T* c, int64 ldc, bool adds, const T* bias) {
  const int64 blocks = (n + TILE - 1) / TILE;
  for (int64 g = 0; g < width; g += PANEL) {
    const int64 columns = std::min<int64>(PANEL, width - g);
    for (int64 i = 0; i < blocks; ++i) {
      const int64 r = n * i / blocks, rows = n * (i + 1) / blocks - r;
      tiles<TILE>(rows, depth, a + r * lda, lda, packed + g * depth, c + r * ldc + g, ldc, columns, adds, bias ? bias + g : bias);
    }
  }
}

// Numbers that only a denormal can hold are 0 while a thread works here: gradients that vanish over many steps come to
// that, and processors take ten times as long over each.
struct Flush {
#if defined(__x86_64__)
  const unsigned before = __builtin_ia32_stmxcsr();
  Flush() { __builtin_ia32_ldmxcsr(before | 0x8040); }
  ~Flush() { __builtin_ia32_ldmxcsr(before); }
#elif defined(__aarch64__)
  unsigned long long before;
  Flush() { asm volatile("mrs %0, fpcr" : "=r"(before)); set(before | 1ull << 24); }
  ~Flush() { set(before); }
  static void set(unsigned long long word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
  Flush() {}
#endif
};

// s' = a s + b over all steps, for a row of numbers; from one step to the next, a, b and out are so far apart.
extern "C" void recur(int64 steps, int64 row, const T* s, const T* a, int64 next_a, const T* b, int64 next_b, T* out, int64 next_out) {
  const Flush flush;
  for (; steps > 0; --steps, s = out, a += next_a, b += next_b, out += next_out)
    for (int64 j = 0; j < row; ++j) out[j] = b[j] + a[j] * s[j];
}
// The same for complex numbers, of which a row has half as many.
extern "C" void recur_complex(int64 steps, int64 row, const T* s, const T* a, int64 next_a, const T* b, int64 next_b, T* out, int64 next_out) {
  const Flush flush;
  for (; steps > 0; --steps, s = out, a += next_a, b += next_b, out += next_out)
    for (int64 j = 0; j < row; j += 2) {
      const T real = b[j] + a[j] * s[j] - a[j + 1] * s[j + 1];
      out[j + 1] = b[j + 1] + a[j] * s[j + 1] + a[j + 1] * s[j];
      out[j] = real;
    }
}

// Work is cut by model and by slice of rows: rows of a batch never meet.
using Rows = void (*)(const Job&, T* const*, int64 unit, int64 first, int64 last, T* scratch);
// GOMP_parallel of the OpenMP library that torch has loaded. Threads of our own would share the cores with its team,
// which spins for a while after each of torch's own operations.
using Team = void (*)(void (*member)(void*), void* of, unsigned threads, unsigned flags);
extern "C" void run(Job* job, int64 count, Rows rows, Team team) {
  job->pack = pack;
  job->gemm = gemm;
  const Job& q = *job;
  std::atomic<int64> next{0}, members{0};
  auto member = [&] {
    const Flush flush;
    T* const scratch = q.scratch + members++ * q.work;
    std::vector<T*> b(q.buffers, q.buffers + count);
    for (int64 unit; (unit = next++) < q.models * q.slices;) {
      const int64 model = unit / q.slices, slice = unit % q.slices;
      for (int64 i = 0; i < count; ++i) b[i] = q.buffers[i] + model * q.strides[i];
      rows(q, b.data(), slice, q.cuts[slice], q.cuts[slice + 1], scratch);
    }
  };
  if (team && q.threads > 1) return team([](void* of) { (*static_cast<decltype(member)*>(of))(); }, &member, q.threads, 0);
  std::vector<std::thread> others;
  for (int64 thread = 1; thread < q.threads; ++thread) others.emplace_back(member);
  member();
  for (auto& other : others) other.join();
}
