/* The octets of a message on their way in and out. Only for files in src/store. */
#pragma once

#include "store/body.h"
#include "store/request.h"

/* Packs what a request brought: inline, or in its descriptor number *fds_used, which counts up. The
 * facts must be there. fails: ERR_INVALID and as body_pack_fd. */
int content_pack(struct call *c, const Gw__Content *content, size_t *fds_used,
                 struct body_packed *out, struct err *err) WARN_UNUSED;
