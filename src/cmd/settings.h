/* Values of flags, as people write them. Results borrow from the text. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "store.pb-c.h"

/* All take the flag's name for what they say, and a text that may be NULL: the flag was not given,
 * and nothing is set. fails: ERR_INVALID. */

/* "true" or "false"; KEEP when it was not given. */
int settings_bool(const char *flag, const char *text, Gw__AliasEdit__Setting *out,
                  struct err *err) WARN_UNUSED;
/* Octets, with k, m, g or t behind them for powers of 1024; "none" is -1, "default" 0 where it is
 * allowed. *given_out: there is one. */
int settings_size(const char *flag, const char *text, bool has_default, bool *given_out,
                  int64_t *out, struct err *err) WARN_UNUSED;
/* A number from 1; "none" is -1, "default" 0. */
int settings_count(const char *flag, const char *text, bool *given_out, int64_t *out,
                   struct err *err) WARN_UNUSED;
/* "none" is the empty text. */
int settings_text(const char *flag, const char *text, bool *given_out, ProtobufCBinaryData *out,
                  struct err *err) WARN_UNUSED;

/* "ADDRESS:ACCOUNT[:MAILBOX]", or without the address "ACCOUNT[:MAILBOX]"; "none": nobody. *out
 * stays NULL, or becomes `row`. */
int settings_role(const char *flag, const char *text, bool has_address, Gw__RoleAddress *row,
                  Gw__RoleAddress **out, struct err *err) WARN_UNUSED;

#define SETTINGS_SEPARATORS_MAX 16
/* Texts with spaces between; "none": an empty list. */
int settings_list(const char *flag, const char *text, bool *given_out,
                  ProtobufCBinaryData list[static SETTINGS_SEPARATORS_MAX], size_t *n_out,
                  struct err *err) WARN_UNUSED;
