/* Threads that log at the same time do not queue for the file: each appends its line to a buffer,
 * and the one that finds nobody writing writes all that is there, until nothing is left. So a line
 * is on its way when log_write returns, or another thread is just about to write it.
 *
 * Levels are kept as one immutable table, replaced as a whole through an atomic pointer; old tables
 * stay until log_free, because a reader may still look at one. They change rarely (an operator's
 * command). */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <stdio.h>

#include "base/builder.h"
#include "base/cleanup.h"

#define LOG_LINE_MAX 4000
/* When whoever reads the log falls behind by more than that, lines are lost. */
#define LOG_WAITING_MAX (1024u * 1024)

_Static_assert(LOG_LINE_MAX < PIPE_BUF, "a line is written in one piece");
#define LOG_MODULES_MAX 16
#define LOG_MODULE_NAME_MAX 15

struct levels {
    struct levels *older;
    enum log_level any; /* the most talkative of all */
    enum log_level fallback;
    size_t n;
    struct {
        char name[LOG_MODULE_NAME_MAX + 1];
        enum log_level level;
    } module[LOG_MODULES_MAX];
};

struct log {
    int fd;
    pthread_mutex_t mu;
    struct builder lines; /* GUARDED_BY(mu), as the next two: what waits for the writer */
    struct builder spare; /* the writer's, kept for its capacity */
    bool writing;
    bool json;
    const struct clock *clock;
    const char *role;
    _Atomic(struct levels *) levels;
};

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

struct log *log_new(int fd, bool json, const struct clock *clock)
{
    struct log *log = calloc(1, sizeof(*log));
    struct levels *levels = calloc(1, sizeof(*levels));

    if (!log || !levels) {
        free(log);
        free(levels);
        return NULL;
    }
    levels->any = levels->fallback = LOG_INFO;
    *log = (struct log){.fd = fd, .json = json, .clock = clock};
    pthread_mutex_init(&log->mu, NULL);
    build_init(&log->lines, LOG_WAITING_MAX);
    build_init(&log->spare, LOG_WAITING_MAX);
    atomic_init(&log->levels, levels);
    return log;
}

void log_free(struct log *log)
{
    if (!log)
        return;
    struct levels *levels = atomic_load(&log->levels);

    while (levels) {
        struct levels *older = levels->older;

        free(levels);
        levels = older;
    }
    build_done(&log->lines);
    build_done(&log->spare);
    pthread_mutex_destroy(&log->mu);
    free(log);
}

void log_set_role(struct log *log, const char *role)
{
    log->role = role;
}

static bool parse_level(struct slice name, enum log_level *out)
{
    for (int i = LOG_ERROR; i <= LOG_TRACE; i++) {
        if (slice_eq(name, slice_str(level_names[i]))) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_module_level(struct slice item, struct levels *levels)
{
    size_t equals = slice_find_byte(item, '=');

    if (equals == SIZE_MAX || equals == 0 || equals > LOG_MODULE_NAME_MAX ||
        levels->n == LOG_MODULES_MAX)
        return false;
    memcpy(levels->module[levels->n].name, item.p, equals);
    if (!parse_level(slice_from(item, equals + 1), &levels->module[levels->n].level))
        return false;
    if (levels->module[levels->n].level > levels->any)
        levels->any = levels->module[levels->n].level;
    levels->n++;
    return true;
}

int log_set_levels(struct log *log, struct slice spec, struct err *err)
{
    _cleanup_free_ struct levels *levels = calloc(1, sizeof(*levels));
    bool first = true;

    if (!levels)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (;;) {
        size_t comma = slice_find_byte(spec, ',');
        struct slice item = slice_trim(slice_sub(spec, 0, comma));

        if (first && parse_level(item, &levels->fallback))
            levels->any = levels->fallback;
        else if (first || !parse_module_level(item, levels))
            return err_set(err, ERR_SYNTAX,
                           "log levels are \"LEVEL[,MODULE=LEVEL...]\" with error, warn, info, "
                           "debug or trace");
        first = false;
        if (comma == SIZE_MAX)
            break;
        spec = slice_from(spec, comma + 1);
    }
    levels->older = atomic_load(&log->levels);
    atomic_store(&log->levels, levels);
    levels = NULL;
    return 0;
}

bool log_wants(const struct log *log, enum log_level level, const char *module)
{
    const struct levels *levels = atomic_load_explicit(&log->levels, memory_order_acquire);

    if (level > levels->any)
        return false;
    for (size_t i = 0; i < levels->n; i++)
        if (strcmp(levels->module[i].name, module) == 0)
            return level <= levels->module[i].level;
    return level <= levels->fallback;
}

static bool needs_quotes(struct slice s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '=')
            return true;
    return false;
}

/* Both formats share JSON's escapes; octets that are not ASCII are written as their code, so that a
 * line is always valid whatever a peer sent. */
static void append_quoted(struct builder *b, struct slice s)
{
    build_byte(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (c == '"' || c == '\\') {
            build_byte(b, '\\');
            build_byte(b, c);
        } else if (c == '\n') {
            build_text(b, "\\n");
        } else if (c == '\r') {
            build_text(b, "\\r");
        } else if (c == '\t') {
            build_text(b, "\\t");
        } else if (c < 0x20 || c >= 0x7f) {
            build_printf(b, "\\u%04x", c);
        } else {
            build_byte(b, c);
        }
    }
    build_byte(b, '"');
}

static void append_key(struct builder *b, const struct log *log, const char *key)
{
    if (log->json)
        build_printf(b, "%s\"%s\":", b->n > 1 ? "," : "", key);
    else
        build_printf(b, "%s%s=", b->n ? " " : "", key);
}

static void append_text(struct builder *b, const struct log *log, const char *key, struct slice s,
                        bool quote)
{
    append_key(b, log, key);
    if (log->json || quote || needs_quotes(s))
        append_quoted(b, slice_sub(s, 0, 1024));
    else
        build_bytes(b, slice_sub(s, 0, 1024));
}

static void append_field(struct builder *b, const struct log *log, const struct log_field *f)
{
    char hex[20];

    switch (f->type) {
    case LOG_FIELD_SLICE:
        append_text(b, log, f->key, f->text, false);
        return;
    case LOG_FIELD_INT:
        append_key(b, log, f->key);
        build_printf(b, "%lld", (long long)f->number);
        return;
    case LOG_FIELD_HEX:
        (void)snprintf(hex, sizeof(hex), "%llx", (unsigned long long)f->number);
        append_text(b, log, f->key, slice_str(hex), false);
        return;
    }
}

static void append_time(struct builder *b, const struct log *log)
{
    char text[40];
    int64_t ns = clock_now_ns(log->clock);
    struct clock_utc t = clock_utc_of(ns / NS_PER_S);

    (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.year, t.month,
                   t.day, t.hour, t.minute, t.second, (int)(ns % NS_PER_S / NS_PER_MS));
    append_text(b, log, "t", slice_str(text), false);
}

/* As many whole lines as the kernel writes in one piece, also to a pipe that other processes share.
 */
static struct slice whole_lines(struct slice s)
{
    struct slice front = slice_sub(s, 0, PIPE_BUF);

    return slice_sub(front, 0, slice_rfind_byte(front, '\n') + 1);
}

static void write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        struct slice lines = whole_lines(s);
        ssize_t n = write(fd, lines.p, lines.n);

        /* There is nowhere to report a log that cannot be written. */
        if (n <= 0 && errno != EINTR)
            return;
        s = slice_from(s, n > 0 ? (size_t)n : 0);
    }
}

/* Called with the mutex held and nobody writing. */
static void write_waiting(struct log *log)
{
    log->writing = true;
    while (log->lines.n > 0) {
        struct builder full = log->lines;

        log->lines = log->spare;
        pthread_mutex_unlock(&log->mu);
        write_all(log->fd, build_slice(&full));
        build_reset(&full);
        pthread_mutex_lock(&log->mu);
        log->spare = full;
    }
    log->writing = false;
}

static void put_line(struct log *log, struct slice line)
{
    pthread_mutex_lock(&log->mu);
    build_bytes(&log->lines, line);
    /* A line that does not fit is dropped alone. */
    log->lines.failed = false;
    if (!log->writing)
        write_waiting(log);
    pthread_mutex_unlock(&log->mu);
}

void log_write(struct log *log, enum log_level level, const char *module, uint64_t cid,
               const char *message, const struct log_field *fields)
{
    struct builder b;

    if (!log || !log_wants(log, level, module))
        return;
    build_init(&b, 64 * 1024);
    if (log->json)
        build_byte(&b, '{');
    if (log->clock)
        append_time(&b, log);
    append_text(&b, log, "l", slice_str(level_names[level]), false);
    append_text(&b, log, "m", slice_str(message), true);
    if (log->role)
        append_text(&b, log, "role", slice_str(log->role), false);
    append_text(&b, log, "pkg", slice_str(module), false);
    if (cid)
        append_field(&b, log, &LOG_HEX("cid", cid));
    for (; fields->key; fields++) {
        size_t before = b.n;

        append_field(&b, log, fields);
        if (b.n > LOG_LINE_MAX)
            build_truncate(&b, before);
    }
    build_text(&b, log->json ? "}\n" : "\n");
    if (build_ok(&b))
        put_line(log, build_slice(&b));
    build_done(&b);
}

void log_err(struct log *log, enum log_level level, const char *module, uint64_t cid,
             const char *message, const struct err *err)
{
    char buf[sizeof(err->text) + sizeof(err->detail) + 4];

    log_event(log, level, module, cid, message, LOG_STR("err", err_for_log(err, buf, sizeof(buf))),
              LOG_STR("kind", err_kind_name(err->kind)));
}
