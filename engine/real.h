/* What the network's maps and weights are made of: floats or, where SINET_HALF is defined, halves (float16). */
#ifndef SINET_REAL_H
#define SINET_REAL_H

#if defined(SINET_HALF)
typedef _Float16 real;
#else
typedef float real;
#endif

enum { HALVES = sizeof(real) < sizeof(float) };

#endif
