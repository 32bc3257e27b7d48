/* Base64 (RFC 4648 4), base64url without padding (RFC 4648 5) and hexadecimal. */
#pragma once

#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"

void encode_base64(struct builder *out, struct slice in);
void encode_base64url(struct builder *out, struct slice in);
/* Lower-case digits. */
void encode_hex(struct builder *out, struct slice in);

/* The whole input must be well-formed: padded, no white space, zero trailing bits.
 * fails: ERR_SYNTAX with offset, ERR_LIMIT when `out` is full. On failure `out` may hold a part. */
int decode_base64(struct builder *out, struct slice in, struct err *err) WARN_UNUSED;
int decode_base64url(struct builder *out, struct slice in, struct err *err) WARN_UNUSED;
int decode_hex(struct builder *out, struct slice in, struct err *err) WARN_UNUSED;

/* The value of a character in the standard alphabet, or -1. */
int base64_value(int c);
