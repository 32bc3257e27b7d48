/* fuzz: dep_store */
/* Arbitrary records against the dispatcher of a store that has an account. The first octet chooses
 * the role; the session of the request is replaced by a valid one half of the time, so that the
 * calls behind the rights table are reached. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "rpc/call.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct store *store;
    struct env env;
    struct clock clock;
    char directory[64];
    uint64_t session;
    pthread_mutex_t mu;
    pthread_cond_t came;
    bool answered;
    Gw__Response *response; /* of set-up requests */
} fuzz = {.mu = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static void reply(void *owner, struct slice record, int fd)
{
    (void)owner;
    (void)fd;
    pthread_mutex_lock(&fuzz.mu);
    if (fuzz.response)
        gw__response__free_unpacked(fuzz.response, NULL);
    /* Whatever was asked, the answer is a well-formed record. */
    fuzz.response = gw__response__unpack(NULL, record.n, record.p);
    if (!fuzz.response)
        abort();
    fuzz.answered = true;
    pthread_cond_signal(&fuzz.came);
    pthread_mutex_unlock(&fuzz.mu);
}

static void ask(enum store_role role, struct slice record)
{
    struct store_request request = {.role = role, .group = 1, .record = record, .reply = reply};
    struct err err;

    fuzz.answered = false;
    if (store_handle(fuzz.store, &request, &err) < 0)
        return;
    pthread_mutex_lock(&fuzz.mu);
    while (!fuzz.answered)
        pthread_cond_wait(&fuzz.came, &fuzz.mu);
    pthread_mutex_unlock(&fuzz.mu);
}

static void ask_message(enum store_role role, Gw__Request *request)
{
    static uint8_t record[CHANNEL_RECORD_MAX];
    struct err err;
    size_t n;

    if (rpc_encode(&request->base, record, &n, &err) < 0)
        abort();
    ask(role, slice_of(record, n));
    if (!fuzz.response || fuzz.response->result_case == GW__RESPONSE__RESULT_ERROR)
        abort();
}

static void make_account(void)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__DomainEdit domain = GW__DOMAIN_EDIT__INIT;
    Gw__AccountEdit account = GW__ACCOUNT_EDIT__INIT;
    Gw__AliasEdit alias = GW__ALIAS_EDIT__INIT;
    Gw__PasswordSet password = GW__PASSWORD_SET__INIT;
    Gw__Authenticate login = GW__AUTHENTICATE__INIT;

    domain.domain = rpc_bytes(SLICE("a.example"));
    request.call_case = GW__REQUEST__CALL_DOMAIN_EDIT;
    request.domain_edit = &domain;
    ask_message(STORE_ADMIN, &request);
    account.account = rpc_bytes(SLICE("a"));
    account.address = rpc_bytes(SLICE("a@a.example"));
    request.call_case = GW__REQUEST__CALL_ACCOUNT_EDIT;
    request.account_edit = &account;
    ask_message(STORE_ADMIN, &request);
    alias.alias = rpc_bytes(SLICE("l@a.example"));
    alias.members = &account.address;
    alias.n_members = 1;
    request.call_case = GW__REQUEST__CALL_ALIAS_EDIT;
    request.alias_edit = &alias;
    ask_message(STORE_ADMIN, &request);
    password.account = account.account;
    password.password = login.password = rpc_bytes(SLICE("password"));
    request.call_case = GW__REQUEST__CALL_PASSWORD_SET;
    request.password_set = &password;
    ask_message(STORE_ADMIN, &request);
    login.mechanism = rpc_bytes(SLICE("PLAIN"));
    login.user = account.address;
    request.call_case = GW__REQUEST__CALL_AUTHENTICATE;
    request.authenticate = &login;
    ask_message(STORE_ACCESS, &request);
    fuzz.session = fuzz.response->authenticated->session;
}

static void finish(void)
{
    char command[128];

    store_close(fuzz.store);
    log_free(fuzz.env.log);
    gw__response__free_unpacked(fuzz.response, NULL);
    (void)snprintf(command, sizeof(command), "rm -r %s", fuzz.directory);
    (void)!system(command);
}

static void start(void)
{
    struct store_config config = {
        .directory = fuzz.directory, .hostname = SLICE("mx.example"), .shards = 1, .threads = 1};
    struct err err;

    (void)snprintf(fuzz.directory, sizeof(fuzz.directory), "/tmp/godwit-fuzz-XXXXXX");
    if (!mkdtemp(fuzz.directory))
        abort();
    fuzz.env.clock = &fuzz.clock;
    fuzz.env.log = log_new(open("/dev/null", O_WRONLY | O_CLOEXEC), false, NULL);
    if (store_open(&config, &fuzz.env, &fuzz.store, &err) < 0)
        abort();
    make_account();
    (void)atexit(finish);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum store_role roles[] = {STORE_ACCESS, STORE_MX, STORE_ADMIN, STORE_ACCESS};
    uint8_t record[16 * 1024];
    size_t n = 0;

    if (!fuzz.store)
        start();
    if (size < 1 || size > 8 * 1024)
        return 0;
    memcpy(record, data + 1, size - 1);
    n = size - 1;
    if (data[0] & 4) {
        /* Field 2, the session, once more: the last one counts. */
        record[n++] = 2 << 3;
        for (uint64_t v = fuzz.session; n < sizeof(record); v >>= 7) {
            record[n++] = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
            if (v <= 127)
                break;
        }
    }
    ask(roles[data[0] & 3], slice_of(record, n));
    return 0;
}
