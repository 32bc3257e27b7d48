/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>

#include "base/builder.h"
#include "base/slice.h"

#define UTF8_REPLACEMENT 0xfffdu

/* The code point at the front and its length in *n_out (at least 1). Invalid octets: false, *n_out
 * = 1, U+FFFD. s must not be empty. */
bool utf8_decode(struct slice s, uint32_t *code_out, size_t *n_out);
bool utf8_valid(struct slice s);
bool utf8_is_ascii(struct slice s);
/* code must be a Unicode scalar value; anything else is written as U+FFFD. */
void utf8_append(struct builder *out, uint32_t code);
/* Copies `s` with every invalid octet replaced by U+FFFD. */
void utf8_append_clean(struct builder *out, struct slice s);
/* The longest valid prefix of at most n bytes that does not cut a character in two. */
struct slice utf8_cut(struct slice s, size_t n);
