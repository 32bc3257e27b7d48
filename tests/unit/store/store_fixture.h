/* A store in a directory of its own, asked without channels: store_handle is called directly and
 * the answer is waited for. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "rpc/call.h"
#include "store/store.h"

#define FIXTURE_GROUP 7

struct fixture {
    char directory[64];
    struct clock clock;
    struct env env;
    struct store *store;
    struct arena arena; /* answers live here */
    pthread_mutex_t mu;
    pthread_cond_t came;
    bool answered;
    const Gw__Response *response;
    int fd; /* that came with the answer */
};

static inline void fixture_open(struct fixture *f, uint32_t shards)
{
    struct store_config config = {
        .directory = f->directory,
        .hostname = SLICE("mail.example"),
        .shards = shards,
        .threads = 2,
    };
    struct err err = {0};
    int rc = store_open(&config, &f->env, &f->store, &err);

    if (rc < 0)
        print_error("store_open: %s (%s)\n", err.text, err.detail);
    assert_int_equal(rc, 0);
}

static inline void fixture_start(struct fixture *f, uint32_t shards)
{
    memset(f, 0, sizeof(*f));
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/godwit-store-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->env.clock = &f->clock;
    f->env.log = log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), false, NULL);
    f->fd = -1;
    arena_init(&f->arena, 64u << 20);
    pthread_mutex_init(&f->mu, NULL);
    pthread_cond_init(&f->came, NULL);
    fixture_open(f, shards);
}

static inline int fixture_unlink(const char *path, const struct stat *st, int type,
                                 struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void fixture_end(struct fixture *f)
{
    store_close(f->store);
    (void)fd_close(f->fd);
    arena_done(&f->arena);
    log_free(f->env.log);
    pthread_cond_destroy(&f->came);
    pthread_mutex_destroy(&f->mu);
    (void)nftw(f->directory, fixture_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_reply(void *owner, struct slice record, int fd)
{
    struct fixture *f = owner;
    ProtobufCMessage *message;
    struct err err;

    pthread_mutex_lock(&f->mu);
    f->fd = fd_close(f->fd);
    if (fd >= 0)
        f->fd = dup(fd);
    if (rpc_decode(&gw__response__descriptor, record, &f->arena, &message, &err) < 0)
        abort();
    f->response = (const Gw__Response *)message;
    f->answered = true;
    pthread_cond_signal(&f->came);
    pthread_mutex_unlock(&f->mu);
}

/* The answer's error kind, 0 for success, or -kind when the channel would be closed. */
static inline int fixture_ask_fds(struct fixture *f, enum store_role role, Gw__Request *request,
                                  const int *fds, size_t fds_n)
{
    static uint8_t record[CHANNEL_RECORD_MAX];
    struct err err = {0};
    size_t n;

    assert_int_equal(rpc_encode(&request->base, record, &n, &err), 0);
    f->answered = false;
    struct store_request r = {.role = role,
                              .group = FIXTURE_GROUP,
                              .thread = 0,
                              .record = slice_of(record, n),
                              .fds = fds,
                              .fds_n = fds_n,
                              .reply = fixture_reply,
                              .owner = f};
    int rc = store_handle(f->store, &r, &err);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&f->mu);
    while (!f->answered)
        pthread_cond_wait(&f->came, &f->mu);
    pthread_mutex_unlock(&f->mu);
    if (f->response->result_case != GW__RESPONSE__RESULT_ERROR)
        return 0;
    return (int)f->response->error->kind;
}

static inline int fixture_ask(struct fixture *f, enum store_role role, Gw__Request *request)
{
    return fixture_ask_fds(f, role, request, NULL, 0);
}

static inline ProtobufCBinaryData fixture_text(const char *text)
{
    return rpc_bytes(slice_str(text));
}

/* request.CALL = &message, with its case. */
#define FIXTURE_REQUEST(name, CASE, field, message, session_)                                      \
    Gw__Request name = GW__REQUEST__INIT;                                                          \
    name.call_case = GW__REQUEST__CALL_##CASE;                                                     \
    name.field = (message);                                                                        \
    name.session = (session_)

/* ---- the usual steps ---- */

static inline int fixture_domain(struct fixture *f, Gw__Edit edit, const char *domain)
{
    Gw__DomainEdit message = GW__DOMAIN_EDIT__INIT;
    FIXTURE_REQUEST(request, DOMAIN_EDIT, domain_edit, &message, 0);

    message.edit = edit;
    message.domain = fixture_text(domain);
    return fixture_ask(f, STORE_ADMIN, &request);
}

static inline int fixture_account(struct fixture *f, Gw__Edit edit, const char *name,
                                  const char *address)
{
    Gw__AccountEdit message = GW__ACCOUNT_EDIT__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_EDIT, account_edit, &message, 0);

    message.edit = edit;
    message.account = fixture_text(name);
    message.address = fixture_text(address);
    return fixture_ask(f, STORE_ADMIN, &request);
}

static inline int fixture_address(struct fixture *f, Gw__Edit edit, const char *address,
                                  const char *account)
{
    Gw__AddressEdit message = GW__ADDRESS_EDIT__INIT;
    FIXTURE_REQUEST(request, ADDRESS_EDIT, address_edit, &message, 0);

    message.edit = edit;
    message.address = fixture_text(address);
    message.account = fixture_text(account);
    return fixture_ask(f, STORE_ADMIN, &request);
}

static inline int fixture_password(struct fixture *f, const char *account, const char *password)
{
    Gw__PasswordSet message = GW__PASSWORD_SET__INIT;
    FIXTURE_REQUEST(request, PASSWORD_SET, password_set, &message, 0);

    message.account = fixture_text(account);
    message.password = fixture_text(password);
    return fixture_ask(f, STORE_ADMIN, &request);
}

static inline int fixture_login(struct fixture *f, const char *user, const char *password,
                                uint64_t *session_out)
{
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    FIXTURE_REQUEST(request, AUTHENTICATE, authenticate, &message, 0);

    message.mechanism = fixture_text("PLAIN");
    message.user = fixture_text(user);
    message.password = fixture_text(password);
    int kind = fixture_ask(f, STORE_ACCESS, &request);

    if (kind != 0)
        return kind;
    if (f->response->authenticated->result == GW__AUTHENTICATED__RESULT__RESULT_WRONG)
        return ERR_DENIED;
    *session_out = f->response->authenticated->session;
    return 0;
}

/* ann@example.org with a password; the session. */
static inline uint64_t fixture_ann(struct fixture *f)
{
    uint64_t session = 0;

    assert_int_equal(fixture_domain(f, GW__EDIT__EDIT_ADD, "example.org"), 0);
    assert_int_equal(fixture_account(f, GW__EDIT__EDIT_ADD, "ann", "ann@example.org"), 0);
    assert_int_equal(fixture_password(f, "ann", "correct horse"), 0);
    assert_int_equal(fixture_login(f, "ann@example.org", "correct horse", &session), 0);
    return session;
}

static inline int fixture_append(struct fixture *f, uint64_t session, const char *mailbox,
                                 const char *text, uint32_t flags, const char *keyword)
{
    Gw__Append message = GW__APPEND__INIT;
    Gw__AppendMessage one = GW__APPEND_MESSAGE__INIT, *messages[] = {&one};
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    ProtobufCBinaryData keywords[] = {fixture_text(keyword)};
    FIXTURE_REQUEST(request, APPEND, append, &message, session);

    facts.envelope = fixture_text("(envelope)");
    content.inline_ = fixture_text(text);
    content.facts = &facts;
    one.content = &content;
    one.flags = flags;
    one.keywords = keywords;
    one.n_keywords = keyword ? 1 : 0;
    message.mailbox = fixture_text(mailbox);
    message.messages = messages;
    message.n_messages = 1;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static inline int fixture_open_mailbox(struct fixture *f, uint64_t session, const char *name)
{
    Gw__MailboxOpen message = GW__MAILBOX_OPEN__INIT;
    FIXTURE_REQUEST(request, MAILBOX_OPEN, mailbox_open, &message, session);

    message.name = fixture_text(name);
    return fixture_ask(f, STORE_ACCESS, &request);
}

static inline int fixture_create(struct fixture *f, uint64_t session, const char *name,
                                 uint32_t use)
{
    Gw__MailboxCreate message = GW__MAILBOX_CREATE__INIT;
    FIXTURE_REQUEST(request, MAILBOX_CREATE, mailbox_create, &message, session);

    message.name = fixture_text(name);
    message.special_use = use;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static inline int fixture_rename(struct fixture *f, uint64_t session, const char *from,
                                 const char *to)
{
    Gw__MailboxRename message = GW__MAILBOX_RENAME__INIT;
    FIXTURE_REQUEST(request, MAILBOX_RENAME, mailbox_rename, &message, session);

    message.from = fixture_text(from);
    message.to = fixture_text(to);
    return fixture_ask(f, STORE_ACCESS, &request);
}

static inline int fixture_delete(struct fixture *f, uint64_t session, const char *name)
{
    Gw__MailboxDelete message = GW__MAILBOX_DELETE__INIT;
    FIXTURE_REQUEST(request, MAILBOX_DELETE, mailbox_delete, &message, session);

    message.name = fixture_text(name);
    return fixture_ask(f, STORE_ACCESS, &request);
}

static inline int fixture_changes(struct fixture *f, uint64_t session, uint64_t since)
{
    Gw__ChangesRead message = GW__CHANGES_READ__INIT;
    FIXTURE_REQUEST(request, CHANGES_READ, changes_read, &message, session);

    message.since = since;
    return fixture_ask(f, STORE_ACCESS, &request);
}
