/* Keywords of messages: lower case, sorted, each once, with spaces between. Results live in `a`. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "store.pb-c.h"

#define KEYWORD_MAX 128         /* octets of one */
#define KEYWORDS_MAX (8 * 1024) /* octets of a set as stored */

/* From a request. The ten keywords that are flags do not belong here. fails: ERR_INVALID,
 * ERR_LIMIT, ERR_NOMEM. */
int keywords_from_request(struct arena *a, const ProtobufCBinaryData *v, size_t n,
                          struct slice *out, struct err *err) WARN_UNUSED;
int keywords_to_response(struct arena *a, struct slice keywords, ProtobufCBinaryData **out,
                         size_t *n_out, struct err *err) WARN_UNUSED;
/* a ∪ b and a without b. fails: ERR_LIMIT, ERR_NOMEM. */
int keywords_union(struct arena *a, struct slice x, struct slice y, struct slice *out,
                   struct err *err) WARN_UNUSED;
int keywords_without(struct arena *a, struct slice x, struct slice y, struct slice *out,
                     struct err *err) WARN_UNUSED;
