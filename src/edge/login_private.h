/* What the files about logging in share. */
#pragma once

#include "edge/login.h"
#include "rpc/call.h"

/* protocol: as in struct login; key: NULL or the client's, in memory that lives as long as *out. */
void login_fill_origin(Gw__LoginOrigin *out, struct conn *c, const char *protocol,
                       const struct conn_key *key);
/* Ends a session of the store that nobody uses. */
void login_end_session(const struct edge_listener *listener, struct conn *c, uint64_t session);
/* An attempt that the store has not seen. */
void login_report(const struct edge_listener *listener, struct conn *c,
                  const Gw__LoginOrigin *origin, struct slice mechanism, struct slice user,
                  const char *result);
