// Vectors of the machine's width and functions on them, for generated kernels. T is the number type.
// Nothing of the standard library is included: a kernel compiles in a fraction of a second.

using T = NUMBER;
using int64 = long long;
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
constexpr int LANES = BYTES / sizeof(T);
template <class> struct Bits;
template <> struct Bits<float> { using type = int; };
template <> struct Bits<double> { using type = int64; };
typedef T V __attribute__((vector_size(BYTES)));
typedef Bits<T>::type M __attribute__((vector_size(BYTES)));
#define INLINE static inline __attribute__((always_inline))
constexpr T INF = __builtin_inf();

// What a caller passes. A product: c (n x columns) = or += or = bias + the product of a (n x depth) with a packed weight.
struct Job {
  int64 models, steps, batch, reverse, kept, slices, threads, work;
  const int64 *rows, *offset;
  T* const* buffers;
  const int64* strides;
  T* scratch;
  const int64* cuts;
  void (*pack)(const T* weight, int64 rows, int64 columns, bool transposed, T* out);
  void (*gemm)(int64 n, int64 columns, int64 depth, const T* a, int64 lda, const T* packed, T* c, int64 ldc, bool adds, const T* bias);
};

INLINE V splat(T x) { return V{} + x; }
INLINE V load(const T* p) { V v; __builtin_memcpy(&v, p, BYTES); return v; }
INLINE void store(T* p, V v) { __builtin_memcpy(p, &v, BYTES); }
INLINE V vmax(V a, V b) { return a >= b ? a : (b != b ? b : (a != a ? a : b)); }
INLINE V vmin(V a, V b) { return a <= b ? a : (b != b ? b : (a != a ? a : b)); }
// All lanes of a vector, by halves.
template <int N, class F> INLINE T fold(const T* p, F f) {
  if constexpr (N == 2) {
    return f(p[0], p[1]);
  } else {
    typedef T Half __attribute__((vector_size(N / 2 * sizeof(T))));
    Half a, b;
    __builtin_memcpy(&a, p, sizeof(a));
    __builtin_memcpy(&b, p + N / 2, sizeof(b));
    a = f(a, b);
    return fold<N / 2>((const T*)&a, f);
  }
}
INLINE T hsum(V v) { return fold<LANES>((const T*)&v, [](auto a, auto b) { return a + b; }); }
INLINE T hmax(V v) { T s = v[0]; for (int i = 1; i < LANES; ++i) s = v[i] > s || v[i] != v[i] ? v[i] : s; return s; }

struct Full {
  INLINE V load(const T* p) { return ::load(p); }
  INLINE void store(T* p, V v) { ::store(p, v); }
  INLINE void add(T* p, V v) { ::store(p, ::load(p) + v); }
  INLINE V clear(V v) { return v; }
  INLINE V low(V v) { return v; }
};
template <int N> struct Ragged {
  INLINE V load(const T* p) { V v{}; __builtin_memcpy(&v, p, N * sizeof(T)); return v; }
  INLINE void store(T* p, V v) { __builtin_memcpy(p, &v, N * sizeof(T)); }
  INLINE void add(T* p, V v) { store(p, load(p) + v); }
  INLINE V clear(V v) { for (int i = N; i < LANES; ++i) v[i] = 0; return v; }
  INLINE V low(V v) { for (int i = N; i < LANES; ++i) v[i] = -INF; return v; }
};
template <int W, class F> INLINE void each(F body) {
  for (long j = 0; j + LANES <= W; j += LANES) body(Full{}, j);
  if constexpr (W % LANES != 0) body(Ragged<W % LANES>{}, W - W % LANES);
}

// exp(x) / 2 = scale + scale q with scale = 2^(n - 1) and q = expm1(r), |r| <= ln(2) / 2: halved, the largest results
// overflow and the smallest vanish by themselves; with q apart nothing cancels near 0.
struct Parts { V q, scale; };
INLINE Parts parts(V x) {
  constexpr T HIGH = sizeof(T) == 4 ? 89.0 : 710.0, LOW = sizeof(T) == 4 ? -87.33 : -708.39;
  x = x > HIGH ? splat(HIGH) : x;
  x = x < LOW ? splat(LOW) : x;
  constexpr T MAGIC = sizeof(T) == 4 ? T(12582912.0) : T(6755399441055744.0);
  constexpr int MANTISSA = sizeof(T) == 4 ? 23 : 52;
  const V shifted = x * T(1.4426950408889634) + MAGIC;
  const V n = shifted - MAGIC;
  V r, q;
  if constexpr (sizeof(T) == 4) {
    r = x - n * T(0.693359375) + n * T(2.12194440e-4);
    q = splat(T(1.0 / 5040));
    q = q * r + T(1.0 / 720); q = q * r + T(1.0 / 120); q = q * r + T(1.0 / 24);
    q = q * r + T(1.0 / 6); q = q * r + T(0.5);
  } else {
    r = x - n * T(6.93145751953125e-1) - n * T(1.42860682030941723212e-6);
    q = splat(T(1.0 / 6227020800.0));
    q = q * r + T(1.0 / 479001600.0); q = q * r + T(1.0 / 39916800.0); q = q * r + T(1.0 / 3628800.0);
    q = q * r + T(1.0 / 362880.0); q = q * r + T(1.0 / 40320.0); q = q * r + T(1.0 / 5040.0);
    q = q * r + T(1.0 / 720.0); q = q * r + T(1.0 / 120.0); q = q * r + T(1.0 / 24.0);
    q = q * r + T(1.0 / 6.0); q = q * r + T(0.5);
  }
  q = q * r * r + r;
  const M bits = (M)shifted - (M)splat(MAGIC) + (M{} + (sizeof(T) == 4 ? 126 : 1022));
  return {q, (V)(bits << MANTISSA)};
}
INLINE V vexp(V x) { const Parts e = parts(x); return (e.q * e.scale + e.scale) * 2; }
INLINE V half_expm1(V x) { const Parts e = parts(x); return e.q * e.scale + (e.scale - T(0.5)); }
INLINE V vexpm1(V x) { return half_expm1(x) * 2; }
INLINE V vsigmoid(V x) { const Parts e = parts(-x); return 1 / (1 + 2 * (e.q * e.scale + e.scale)); }
INLINE V vtanh(V x) {
  x = x > 20 ? splat(20) : x;
  const V e = half_expm1(x + x);
  return e / (e + 1);
}
// log(x) = n ln(2) + log(m), m from sqrt(1/2) to sqrt(2); log(m) = 2 atanh(s), s = (m - 1) / (m + 1).
INLINE V finite_log(V x) {
  constexpr int MANTISSA = sizeof(T) == 4 ? 23 : 52;
  constexpr T TINY = sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308), LIFT = T(1ll << (MANTISSA + 1));
  const V lifted = x < TINY ? x * LIFT : x;  // a denormal number has no exponent of its own
  const M root = (M)splat(T(0.70710678118654752)), bits = (M)lifted - root;
  const M n = bits >> MANTISSA;
  const V f = (V)((M)lifted - (n << MANTISSA)) - 1;
  const V s = f / (f + 2), z = s * s;
  V p;
  if constexpr (sizeof(T) == 4) {
    p = splat(T(2.0 / 11)); p = p * z + T(2.0 / 9); p = p * z + T(2.0 / 7); p = p * z + T(2.0 / 5); p = p * z + T(2.0 / 3);
  } else {
    p = splat(T(2.0 / 23));
    p = p * z + T(2.0 / 21); p = p * z + T(2.0 / 19); p = p * z + T(2.0 / 17); p = p * z + T(2.0 / 15);
    p = p * z + T(2.0 / 13); p = p * z + T(2.0 / 11); p = p * z + T(2.0 / 9); p = p * z + T(2.0 / 7);
    p = p * z + T(2.0 / 5); p = p * z + T(2.0 / 3);
  }
  const V k = __builtin_convertvector(n, V) - (x < TINY ? splat(MANTISSA + 1) : splat(0));
  // f - s (f - z p) is log(m) without the rounding of 2 s; ln(2) in two parts, the first exact in k ln(2).
  const V low = k * (sizeof(T) == 4 ? T(-2.12194440e-4) : T(1.42860682030941723212e-6)) - s * (f - z * p);
  return k * (sizeof(T) == 4 ? T(0.693359375) : T(6.93145751953125e-1)) + (f + low);
}
INLINE V vlog(V x) {
  const V y = finite_log(x);
  return x > 0 ? (x == INF ? x : y) : (x == 0 ? splat(-INF) : splat(T(__builtin_nan(""))));
}
INLINE V vlog1p(V x) {
  const V u = 1 + x, c = (x - (u - 1)) / u;
  return u > 0 ? (x == INF ? x : finite_log(u) + c) : (u == 0 ? splat(-INF) : splat(T(__builtin_nan(""))));
}
INLINE V vrelu(V x) { return x <= 0 ? splat(0) : x; }
INLINE V vabs(V x) { return x < 0 ? -x : x; }
INLINE V vsign(V x) { return x > 0 ? splat(1) : (x < 0 ? splat(-1) : x * 0); }
#define LANEWISE(name) \
  INLINE float scalar_##name(float x) { return __builtin_##name##f(x); } \
  INLINE double scalar_##name(double x) { return __builtin_##name(x); } \
  INLINE V v##name(V x) { V y; for (int i = 0; i < LANES; ++i) y[i] = scalar_##name(x[i]); return y; }
LANEWISE(sqrt)
LANEWISE(sin)
LANEWISE(cos)
LANEWISE(erf)
LANEWISE(floor)
INLINE V vrsqrt(V x) { return 1 / vsqrt(x); }
INLINE V vsoftplus(V x) { return (x < 0 ? splat(0) : x) + vlog1p(vexp(-vabs(x))); }
INLINE V vpow(V x, V e) { V y; for (int i = 0; i < LANES; ++i) y[i] = __builtin_pow(x[i], e[i]); return y; }
INLINE V vremainder(V x, V d) { return x - d * vfloor(x / d); }

INLINE void copy(const T* from, int64 count, T* to) { __builtin_memcpy(to, from, count * sizeof(T)); }
INLINE void clear(T* to, int64 count) { __builtin_memset(to, 0, count * sizeof(T)); }
template <class P> INLINE void swap(P& a, P& b) { P c = a; a = b; b = c; }
constexpr int64 packed(int64 columns, int64 depth) { return (columns + 2 * LANES - 1) / (2 * LANES) * (2 * LANES) * depth; }

// Gradients of states when the number of rows changes from `before` to `n`: sequences end, or began, here.
INLINE void turn(T* grad, int64 before, int64 n, int64 width, const T* dfinal, T* dinitial) {
  if (n > before) copy(dfinal + before * width, (n - before) * width, grad + before * width);
  else copy(grad + n * width, (before - n) * width, dinitial + n * width);
}
