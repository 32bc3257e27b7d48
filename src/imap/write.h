/* Encoders of responses. Everything that came from outside passes through one of these. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/builder.h"
#include "base/ranges.h"
#include "base/slice.h"

/* Quoted; a literal when it holds NUL, CR, LF, or is not ASCII (with `utf8`: not UTF-8). */
void imap_write_string(struct builder *out, struct slice s, bool utf8);
/* A mailbox name from UTF-8: in modified UTF-7 unless `utf8`; an atom where that is possible. */
void imap_write_mailbox(struct builder *out, struct slice name, bool utf8);
/* "1:3,5"; at least one member. */
void imap_write_set(struct builder *out, const struct ranges *set);
/* "(\Seen $junk word)". Keywords must be atoms, as the parser leaves them. */
void imap_write_flags(struct builder *out, uint32_t bits, const struct slice *keywords, size_t n);
/* "\"17-Jul-1996 02:44:25 -0700\"". */
void imap_write_date_time(struct builder *out, int64_t unix_s, int zone_minutes);
