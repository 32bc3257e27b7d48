/* A request on its way through the store: what every call's function sees.
 *
 * Life: store_handle makes it; a `run` function answers at once (0 with `response` filled, or an
 * error), or hands the request to a writer or a worker and returns CALL_WAITS; call_finish sends
 * the answer and frees it. Exactly one thread has it at any time. Only for files in src/store. */
#pragma once

#include "base/arena.h"
#include "runtime/channel.h"
#include "store.pb-c.h"
#include "store/sessions.h"
#include "store/shard.h"
#include "store/store.h"
#include "store/workers.h"

#define CALL_WAITS 1

struct call;

/* Within the write; may run again, so that everything it notes starts anew: `out` is reset before.
 * It fills the response. */
typedef int call_apply(struct call *c, struct write_ctx *ctx, struct err *err);

struct call {
    struct store *store;
    struct store_request from; /* without record and descriptors */
    struct arena in;           /* the request */
    struct arena out;          /* the response */
    const Gw__Request *request;
    Gw__Response response;
    int fd_out; /* -1, or sent along */
    int fds[CHANNEL_FDS_MAX];
    size_t fds_n;
    struct session session; /* when the call needs one */
    void *state;            /* the call's own, in `in` */
    void (*state_done)(void *state);

    struct write write;
    struct work work;
    int (*work_run)(struct call *c, struct err *err);
    call_apply *apply;
    /* After the commit, before the answer; on the writer's thread. NULL: nothing to do. */
    void (*committed)(struct call *c);
    uint64_t event_modseq; /* not 0: the account's watchers are told after the commit */
};

/* Hands the request to the writer of a shard. Returns CALL_WAITS. */
int call_write(struct call *c, struct shard *shard, call_apply *apply);
/* Hands the request to a worker, which runs `run` and then goes on as after store_handle.
 * fails: ERR_UNAVAILABLE. */
int call_work(struct call *c, int (*run)(struct call *c, struct err *err),
              struct err *err) WARN_UNUSED;
/* Sends the answer and frees the request. rc is 0 or an error. */
void call_finish(struct call *c, int rc, const struct err *err);

/* The session's account: its shard, this thread's read handle. */
struct shard *call_shard(struct call *c);
struct db *call_reader(struct call *c);

/* The answer "done". */
int call_answer_done(struct call *c, struct err *err) WARN_UNUSED;
/* An initialised message in `out`; NULL: out of memory (call_no_memory). */
void *call_message(struct call *c, const ProtobufCMessageDescriptor *type);
int call_no_memory(struct err *err);

/* Rows of an answer are counted in octets as encoded, small ones by the memory that they take when
 * decoded, so that rpc_decode takes the page; a row that does not fit starts the next one. The rest
 * of the record is for what goes with the rows. */
#define CALL_PAGE_MAX (60u * 1024)
bool call_page_fits(size_t *used, const ProtobufCMessage *row);

/* One write changes at most this many messages: the others of the shard wait for it. */
#define CALL_MESSAGES_MAX 10000u

/* Sets of UIDs in one answer or one change have at most this many ranges, so that they fit. */
#define CALL_RANGES_MAX 2500u

/* The calls. */
typedef int call_run(struct call *c, struct err *err);
call_run call_resolve, call_spool_open, call_deliver;
call_run call_authenticate, call_session_end, call_watch, call_login_challenge, call_login_report;
call_run call_key_lookup;
call_run call_mailbox_list, call_mailbox_open, call_mailbox_create, call_mailbox_delete;
call_run call_mailbox_rename, call_subscribe;
call_run call_uids_read, call_message_read, call_body_read, call_changes_read;
call_run call_append, call_flags_store, call_expunge, call_copy;
call_run call_domain_edit, call_account_edit, call_address_edit, call_directory_list;
call_run call_password_set, call_password_change, call_alias_edit;
call_run call_tls_key_add, call_tls_key_list, call_tls_key_update, call_tls_key_remove;
call_run call_web_session_open, call_web_session_use, call_web_session_close, call_account_read;
call_run call_domain_set, call_account_set, call_address_set, call_installation_set;
call_run call_app_password_edit, call_app_password_list, call_login_attempt_list;
