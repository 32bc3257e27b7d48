/* Values of parameters that are more than a word. Pure. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 3461 4: xtext whose decoded octets are printable ASCII or space; not empty. */
bool smtp_printable_xtext(struct slice in);
/* RFC 3461 4.1: "NEVER", or a list of SUCCESS, FAILURE and DELAY; bits as in store.proto. */
bool smtp_notify_parse(struct slice in, unsigned *out);
/* RFC 3461 4.2, RFC 6533 3: an atom, ";" and the encoded address; `utf8`: its text may be UTF-8
 * when the type is utf-8. */
bool smtp_orcpt_valid(struct slice in, bool utf8);
/* RFC 4865 3.1, RFC 3339 5.6: "2006-01-02T22:04:05Z", with any fraction, in capitals, UTC only. */
bool smtp_hold_until_parse(struct slice in, int64_t *unix_ns_out);
