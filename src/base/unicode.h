/* The few rules for Unicode that names, addresses and passwords follow. Results live in `a`. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Inputs are at most this long. */
#define UNICODE_TEXT_MAX 4096

/* Normalisation form C. fails: ERR_SYNTAX (not UTF-8), ERR_LIMIT, ERR_NOMEM. */
int unicode_nfc(struct arena *a, struct slice in, struct slice *out, struct err *err) WARN_UNUSED;
/* Each code point in lower case, by itself. `in` is valid UTF-8. fails: ERR_NOMEM. */
int unicode_lower(struct arena *a, struct slice in, struct slice *out, struct err *err) WARN_UNUSED;
/* RFC 8265 4.2: the OpaqueString profile, for passwords. fails: ERR_INVALID (empty, or a character
 * that is not allowed), ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM. */
int unicode_opaque_string(struct arena *a, struct slice in, struct slice *out,
                          struct err *err) WARN_UNUSED;
