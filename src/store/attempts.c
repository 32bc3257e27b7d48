/* Equal attempts are one row, found by a digest of all that describes them, each part with its
 * length. What waits is a list of limited length; when it is full, attempts are only logged. */
#include "store/attempts.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/builder.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/num.h"
#include "rpc/call.h"
#include "runtime/metrics.h"
#include "store/store_private.h"

#define WAITING_MAX 1000u
#define ROUND_NS NS_PER_S
#define CLEAN_NS (60 * NS_PER_S)
#define USED_GRAIN_NS (60 * NS_PER_S)
#define TEXTS 8

enum text { ADDRESS, PROTOCOL, MECHANISM, RESULT, REMOTE_IP, LOCAL_IP, TLS, FINGERPRINT };

struct waiting {
    int64_t account_id, password_id;
    uint8_t digest[32];
    struct slice texts[TEXTS]; /* in `octets` */
    uint64_t count;
    int64_t first_ns, last_ns;
    uint8_t octets[];
};

struct attempts {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mu; /* guards the list and stop */
    pthread_cond_t stopped;
    struct waiting *list[WAITING_MAX];
    size_t n;
    bool stop;
    int64_t cleaned_ns; /* the thread's; wall clock */
};

/* ---- taking ---- */

static const size_t text_max[TEXTS] = {ATTEMPT_ADDRESS_MAX, 32, 32, 32, 16, 16, 256, 128};

static void texts_of(const struct attempt *what, struct slice texts[TEXTS])
{
    static const Gw__LoginOrigin nowhere = GW__LOGIN_ORIGIN__INIT;
    const Gw__LoginOrigin *o = what->origin ? what->origin : &nowhere;

    texts[ADDRESS] = what->address;
    texts[PROTOCOL] = rpc_slice(o->protocol);
    /* The login page asks for a password, but not by SASL. */
    texts[MECHANISM] =
        slice_eq(texts[PROTOCOL], SLICE("web")) ? SLICE("weblogin") : what->mechanism;
    texts[RESULT] = what->result;
    texts[REMOTE_IP] = rpc_slice(o->remote_ip);
    texts[LOCAL_IP] = rpc_slice(o->local_ip);
    texts[TLS] = rpc_slice(o->tls);
    texts[FINGERPRINT] = rpc_slice(o->fingerprint);
    for (size_t i = 0; i < TEXTS; i++)
        texts[i] = slice_sub(texts[i], 0, text_max[i]);
}

static bool digest_of(int64_t account_id, const struct slice texts[TEXTS], uint8_t out[32])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(md, &account_id, sizeof(account_id)) == 1;

    for (size_t i = 0; ok && i < TEXTS; i++) {
        uint32_t n = (uint32_t)texts[i].n;

        ok = EVP_DigestUpdate(md, &n, sizeof(n)) == 1 &&
             EVP_DigestUpdate(md, texts[i].p, texts[i].n) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    return ok;
}

static struct waiting *waiting_new(const struct attempt *what, const struct slice texts[TEXTS],
                                   int64_t now_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < TEXTS; i++)
        n += texts[i].n;
    struct waiting *w = calloc(1, sizeof(*w) + n);

    if (!w)
        return NULL;
    w->account_id = what->account_id;
    w->password_id = what->password_id;
    w->count = 1;
    w->first_ns = w->last_ns = now_ns;
    n = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i].n > 0)
            memcpy(w->octets + n, texts[i].p, texts[i].n);
        w->texts[i] = slice_of(w->octets + n, texts[i].n);
        n += texts[i].n;
    }
    return w;
}

/* Joins it with an equal one, or appends it. Under the lock. */
static void enlist(struct attempts *a, struct waiting *w)
{
    for (size_t i = 0; i < a->n; i++) {
        struct waiting *old = a->list[i];

        if (memcmp(old->digest, w->digest, sizeof(w->digest)) == 0 &&
            old->password_id == w->password_id) {
            old->count++;
            old->last_ns = w->last_ns;
            free(w);
            return;
        }
    }
    if (a->n < WAITING_MAX)
        a->list[a->n++] = w;
    else
        free(w);
}

static struct slice metric_result(struct slice result)
{
    return slice_starts(result, SLICE("bad")) && !slice_eq(result, SLICE("badchanbind")) &&
                   !slice_eq(result, SLICE("badprotocol"))
               ? SLICE("badcreds")
               : result;
}

static const char *ip_text(struct slice ip, char out[INET6_ADDRSTRLEN])
{
    out[0] = '\0';
    if (ip.n == 4 || ip.n == 16)
        (void)inet_ntop(ip.n == 4 ? AF_INET : AF_INET6, ip.p, out, INET6_ADDRSTRLEN);
    return out;
}

/* In a form that does not change: other programs read it. */
static void tell(struct attempts *a, const struct attempt *what, const struct slice texts[TEXTS])
{
    const struct env *env = a->store->env;
    char labels[3][33] = {{0}};
    struct builder key;
    char remote[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];

    build_init(&key, 2 * text_max[FINGERPRINT]);
    encode_base64url(&key, texts[FINGERPRINT]);
    log_event(env->log, LOG_INFO, "login", what->cid, "login attempt",
              LOG_SLICE("address", texts[ADDRESS]),
              LOG_SLICE("account", what->account_id ? what->account : SLICE("-")),
              LOG_SLICE("protocol", texts[PROTOCOL]), LOG_SLICE("authmech", texts[MECHANISM]),
              LOG_SLICE("result", texts[RESULT]),
              LOG_STR("clientip", ip_text(texts[REMOTE_IP], remote)),
              LOG_STR("localip", ip_text(texts[LOCAL_IP], local)), LOG_SLICE("tls", texts[TLS]),
              LOG_SLICE("tlspubkeyfp", build_slice(&key)));
    build_done(&key);
    const struct slice counted[3] = {texts[PROTOCOL], texts[MECHANISM],
                                     metric_result(texts[RESULT])};

    for (size_t i = 0; i < 3; i++)
        memcpy(labels[i], counted[i].p ? (const char *)counted[i].p : "", counted[i].n);
    metrics_add(env->metrics, METRIC_AUTHENTICATIONS, 1, labels[0], labels[1], labels[2]);
}

void attempts_add(struct attempts *a, const struct attempt *what)
{
    struct slice texts[TEXTS];

    texts_of(what, texts);
    tell(a, what, texts);
    struct waiting *w = waiting_new(what, texts, clock_now_ns(a->store->env->clock));

    if (!w)
        return;
    if (!digest_of(what->account_id, texts, w->digest)) {
        free(w);
        return;
    }
    pthread_mutex_lock(&a->mu);
    enlist(a, w);
    pthread_mutex_unlock(&a->mu);
}

/* ---- writing ---- */

struct round {
    struct write write;
    struct waiting **list;
    size_t n;
};

static int insert(struct write_ctx *ctx, const struct waiting *w, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        ctx->db,
        "INSERT INTO login_attempt (account_id, digest, address, protocol, mechanism, result, "
        "remote_ip, local_ip, tls, fingerprint, count, first_ns, last_ns) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
        "ON CONFLICT (account_id, digest) DO UPDATE SET count = count + excluded.count, "
        "last_ns = excluded.last_ns",
        &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, w->account_id);
    db_bind_blob(&r, 2, slice_of(w->digest, sizeof(w->digest)));
    for (int i = 0; i < TEXTS; i++) {
        bool text = i == PROTOCOL || i == MECHANISM || i == RESULT;

        if (text)
            db_bind_text(&r, 3 + i, w->texts[i]);
        else
            db_bind_blob(&r, 3 + i, w->texts[i]);
    }
    db_bind_int(&r, 11, (int64_t)w->count);
    db_bind_int(&r, 12, w->first_ns);
    db_bind_int(&r, 13, w->last_ns);
    return db_run(&r, err);
}

static int note_use(struct write_ctx *ctx, const struct waiting *w, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE app_password SET used_ns = ?3 WHERE account_id = ?1 AND "
                      "password_id = ?2 AND used_ns < ?4",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, w->account_id);
    db_bind_int(&r, 2, w->password_id);
    db_bind_int(&r, 3, w->last_ns);
    db_bind_int(&r, 4, w->last_ns - USED_GRAIN_NS);
    return db_run(&r, err);
}

static int note_key_use(struct write_ctx *ctx, const struct waiting *w, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE tls_key SET last_used_ns = ?3 WHERE fingerprint = ?1 AND "
                      "account_id = ?2 AND last_used_ns < ?4",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_blob(&r, 1, w->texts[FINGERPRINT]);
    db_bind_int(&r, 2, w->account_id);
    db_bind_int(&r, 3, w->last_ns);
    db_bind_int(&r, 4, w->last_ns - USED_GRAIN_NS);
    return db_run(&r, err);
}

/* The oldest failed attempts make room. */
static int prune(struct write_ctx *ctx, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "DELETE FROM login_attempt WHERE account_id = ?1 AND result <> 'ok' AND "
                      "last_ns <= (SELECT last_ns FROM login_attempt WHERE account_id = ?1 AND "
                      "result <> 'ok' ORDER BY last_ns DESC LIMIT 1 OFFSET ?2)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    db_bind_int(&r, 2, ATTEMPTS_FAILED_MAX);
    return db_run(&r, err);
}

static int round_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct round *round = (struct round *)w;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < round->n; i++) {
        const struct waiting *one = round->list[i];

        rc = insert(ctx, one, err);
        if (rc == 0 && one->password_id > 0)
            rc = note_use(ctx, one, err);
        if (rc == 0 && one->texts[FINGERPRINT].n > 0 && slice_eq(one->texts[RESULT], SLICE("ok")))
            rc = note_key_use(ctx, one, err);
        /* Once for those that follow each other with the same account. */
        if (rc == 0 && (i + 1 == round->n || round->list[i + 1]->account_id != one->account_id))
            rc = prune(ctx, one->account_id, err);
    }
    return rc;
}

static void write_round(struct attempts *a)
{
    struct waiting *list[WAITING_MAX];
    struct round round = {.write = {.apply = round_apply}, .list = list};
    struct err err;

    pthread_mutex_lock(&a->mu);
    round.n = a->n;
    memcpy(list, a->list, a->n * sizeof(list[0]));
    a->n = 0;
    pthread_mutex_unlock(&a->mu);
    if (round.n > 0 && shard_write(a->store->directory, &round.write, &err) < 0)
        log_err(a->store->env->log, LOG_WARN, "login", 0, "attempts were not recorded", &err);
    for (size_t i = 0; i < round.n; i++)
        free(list[i]);
}

/* ---- what becomes old ---- */

struct cleaning {
    struct write write;
    int64_t since_ns, now_ns;
    int64_t expired[64]; /* accounts with an app password that has expired since */
    size_t expired_n;
};

static int find_expired(struct cleaning *c, struct write_ctx *ctx, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db,
                      "SELECT DISTINCT account_id FROM app_password WHERE expires_ns > ?1 AND "
                      "expires_ns <= ?2 LIMIT 64",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->since_ns);
    db_bind_int(&r, 2, c->now_ns);
    c->expired_n = 0;
    while (c->expired_n < ARRAY_SIZE(c->expired) && (rc = db_step(&r, err)) == 1)
        c->expired[c->expired_n++] = db_int(&r, 0);
    db_done(&r);
    return rc < 0 ? rc : 0;
}

static int cleaning_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct cleaning *c = (struct cleaning *)w;
    struct db_row r;
    int rc = find_expired(c, ctx, err);

    if (rc == 0)
        rc = db_query(ctx->db, "DELETE FROM login_attempt WHERE last_ns < ?1", &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->now_ns - ATTEMPTS_KEPT_S * NS_PER_S);
    return db_run(&r, err);
}

static void clean(struct attempts *a, int64_t now_ns)
{
    struct cleaning c = {
        .write = {.apply = cleaning_apply}, .since_ns = a->cleaned_ns, .now_ns = now_ns};
    struct err err;

    if (shard_write(a->store->directory, &c.write, &err) < 0) {
        log_err(a->store->env->log, LOG_WARN, "login", 0, "old attempts were not removed", &err);
        return;
    }
    for (size_t i = 0; i < c.expired_n; i++)
        store_end_account_sessions(a->store, c.expired[i]);
    a->cleaned_ns = now_ns;
}

/* ---- the thread ---- */

/* True at the end. */
static bool wait_round(struct attempts *a)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_NS / NS_PER_S;
    pthread_mutex_lock(&a->mu);
    while (!a->stop && pthread_cond_timedwait(&a->stopped, &a->mu, &until) == 0)
        ;
    bool stop = a->stop;

    pthread_mutex_unlock(&a->mu);
    return stop;
}

static void *attempts_run(void *arg)
{
    struct attempts *a = arg;
    bool stop = false;

    while (!stop) {
        int64_t now_ns = clock_now_ns(a->store->env->clock);

        if (now_ns - a->cleaned_ns >= CLEAN_NS || now_ns < a->cleaned_ns)
            clean(a, now_ns);
        stop = wait_round(a);
        write_round(a);
    }
    return NULL;
}

int attempts_new(struct store *s, struct attempts **out, struct err *err)
{
    struct attempts *a = calloc(1, sizeof(*a));
    pthread_condattr_t monotonic;

    if (!a)
        return err_set(err, ERR_NOMEM, "out of memory");
    a->store = s;
    pthread_mutex_init(&a->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int rc = pthread_create(&a->thread, NULL, attempts_run, a);

    if (rc != 0) {
        pthread_cond_destroy(&a->stopped);
        pthread_mutex_destroy(&a->mu);
        free(a);
        return err_errno(err, rc, "cannot start a thread");
    }
    *out = a;
    return 0;
}

void attempts_free(struct attempts *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->mu);
    a->stop = true;
    pthread_cond_signal(&a->stopped);
    pthread_mutex_unlock(&a->mu);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->stopped);
    pthread_mutex_destroy(&a->mu);
    free(a);
}
