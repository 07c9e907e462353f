/* SPDX-License-Identifier: MIT */
/* Whole numbers written as doubles: clients whose only number is a double (Lua, Dart, Gson) write 30.0. */
#ifndef WIRE_INTEGER_H
#define WIRE_INTEGER_H

#include <stdbool.h>
#include <stdint.h>

#define INTEGER_REAL_MAX 0x1p53 /* beyond it a double stands for several integers */

/* The integer that a double is: false, with *ret untouched, for a fraction, a NaN or what is beyond
 * INTEGER_REAL_MAX. */
static inline bool integer_of_real(double real, int64_t *ret)
{
    if (!(real >= -INTEGER_REAL_MAX && real <= INTEGER_REAL_MAX) || (double)(int64_t)real != real)
        return false;
    *ret = (int64_t)real;
    return true;
}

#endif
