/* A connection and a store in memory: just enough of conn.h and edge.h to drive whole sessions. */
#pragma once

#include "edge/edge.h"

struct fake_store;

struct conn {
    struct builder out;
    struct arena arena;
    struct loop *loop;
    bool producing;
    bool tls, tls_offered;
    uint32_t delay_s;
    bool slow;
    uint64_t id;
    struct fake_store *store;
    const struct protocol *protocol;
    void *session;
    struct builder in;
    bool closed;
    bool watching;
};

struct fake_store *fake_store_new(void);
void fake_store_free(struct fake_store *store);
/* The next call fails with that kind. */
void fake_store_fail(struct fake_store *store, enum err_kind kind);

/* The account may hold that much; only what is asked before an APPEND looks at it. */
void fake_store_quota(struct fake_store *store, uint64_t octets);
/* From now on the answers to FlagsStore, Expunge and Copy are full with that many messages. */
void fake_store_page(struct fake_store *store, size_t messages);

/* A session of the account, greeted; plain passwords are allowed when `plain`. */
struct conn *fake_conn_new(struct fake_store *store, bool plain);
void fake_conn_free(struct conn *c);
/* Gives octets and runs until the session waits. */
void fake_conn_say(struct conn *c, struct slice octets);
/* Wakes the session as the edge would. */
void fake_conn_wake(struct conn *c, unsigned events);
/* What was written since the last time, as a string with NUL in c->arena's life until the next
 * call. */
const char *fake_conn_heard(struct conn *c);
