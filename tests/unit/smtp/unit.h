/* What every test of this folder includes, in the order that cmocka wants. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/slice.h"

static inline void assert_slice(struct slice got, struct slice want, const char *name)
{
    if (!slice_eq(got, want))
        fail_msg("%s: got \"%.*s\", want \"%.*s\"", name, SLICE_FMT(got), SLICE_FMT(want));
}
