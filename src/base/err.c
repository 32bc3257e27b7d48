#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[ERR_KIND_COUNT] = {
    [ERR_NONE] = "none",         [ERR_SYNTAX] = "syntax",
    [ERR_LIMIT] = "limit",       [ERR_NOT_FOUND] = "notfound",
    [ERR_EXISTS] = "exists",     [ERR_DENIED] = "denied",
    [ERR_INVALID] = "invalid",   [ERR_QUOTA] = "quota",
    [ERR_FULL] = "full",         [ERR_IO] = "io",
    [ERR_DAMAGED] = "damaged",   [ERR_UNAVAILABLE] = "unavailable",
    [ERR_TIMEOUT] = "timeout",   [ERR_NOMEM] = "nomem",
    [ERR_INTERNAL] = "internal",
};

/* An error of no kind would count as success. */
static int negative(enum err_kind kind)
{
    return kind == ERR_NONE ? -(int)ERR_INTERNAL : -(int)kind;
}

int err_record(struct err *err, enum err_kind kind, const char *format, ...)
{
    if (err) {
        va_list args;

        err->kind = kind;
        err->offset = 0;
        err->detail[0] = '\0';
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return negative(kind);
}

static enum err_kind kind_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case ENOMEM:
        return ERR_NOMEM;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EEXIST:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}

int err_record_errno(struct err *err, int number, const char *format, ...)
{
    enum err_kind kind = kind_of_errno(number);

    if (err) {
        va_list args;

        err->kind = kind;
        err->offset = 0;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
        (void)snprintf(err->detail, sizeof(err->detail), "%s: %s", err->text,
                       strerrordesc_np(number));
    }
    return -(int)kind;
}

int err_record_detail(struct err *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return -(int)ERR_INTERNAL;
    va_start(args, format);
    (void)vsnprintf(err->detail, sizeof(err->detail), format, args);
    va_end(args);
    return negative(err->kind);
}

int err_record_prefix(struct err *err, const char *format, ...)
{
    char context[sizeof(err->detail)];
    char joined[sizeof(err->detail)];
    va_list args;

    if (!err)
        return -(int)ERR_INTERNAL;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    const char *what = err->detail[0] ? err->detail : err->text;

    (void)snprintf(joined, sizeof(joined), "%.150s: %.160s", context, what);
    memcpy(err->detail, joined, sizeof(err->detail));
    return negative(err->kind);
}

const char *err_kind_name(enum err_kind kind)
{
    return kind < ERR_KIND_COUNT ? kind_names[kind] : "unknown";
}

const char *err_for_log(const struct err *err, char *buf, size_t size)
{
    if (err->detail[0])
        (void)snprintf(buf, size, "%s: %s", err->text, err->detail);
    else
        (void)snprintf(buf, size, "%s", err->text);
    return buf;
}
