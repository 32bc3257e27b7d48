/* Errors as values.
 *
 * A function that can fail returns 0, or a negative kind: -ERR_SYNTAX and so on. Its last
 * parameter, struct err, is written only on failure. `text` may be shown to a peer: it names no
 * internals and nobody else's mail. `detail` is for the log: errno, paths, SQL. Both are
 * NUL-terminated and cut to their size.
 *
 *   int rc = body_open(store, id, &body, err);
 *   if (rc < 0)
 *       return err_prefix(err, "fetch message %" PRIu64, id);
 */
#pragma once

#include <stddef.h>

#define WARN_UNUSED __attribute__((warn_unused_result))

enum err_kind {
    ERR_NONE = 0,
    ERR_SYNTAX,      /* the input breaks the grammar; offset says where */
    ERR_LIMIT,       /* a stated maximum is exceeded */
    ERR_NOT_FOUND,   /* no such object, or not for this caller */
    ERR_EXISTS,      /* an object of that name exists */
    ERR_DENIED,      /* the caller may not do this; wrong credentials */
    ERR_INVALID,     /* well-formed, but not possible */
    ERR_QUOTA,       /* the account is full */
    ERR_FULL,        /* the disk is full */
    ERR_IO,          /* the disk or a peer failed */
    ERR_DAMAGED,     /* stored data does not match its checksum */
    ERR_UNAVAILABLE, /* try again later: another process is restarting, or a lock is busy */
    ERR_TIMEOUT,
    ERR_NOMEM,
    ERR_INTERNAL, /* a fault of our own */
    ERR_KIND_COUNT
};

struct err {
    enum err_kind kind;
    size_t offset; /* of the first bad byte, for ERR_SYNTAX; otherwise 0 */
    char text[160];
    char detail[320];
};

/* Sets kind and text (offset 0, detail empty) and returns -kind. err may be NULL. */
#define err_set(err, kind, ...) ERR_NEGATIVE(err_record((err), (kind), __VA_ARGS__))

/* The same with "text: errno's text" as detail; the kind follows from the number (ENOSPC and
 * EDQUOT: ERR_FULL; ENOMEM: ERR_NOMEM; ENOENT: ERR_NOT_FOUND; EACCES, EPERM: ERR_DENIED; EEXIST:
 * ERR_EXISTS; all others ERR_IO). */
#define err_errno(err, number, ...) ERR_NEGATIVE(err_record_errno((err), (number), __VA_ARGS__))

/* Sets the detail of an error that is set already; returns -kind. */
#define err_detail(err, ...) ERR_NEGATIVE(err_record_detail((err), __VA_ARGS__))

/* Puts "context: " in front of the detail (of the text, when there is no detail yet) and returns
 * -kind. */
#define err_prefix(err, ...) ERR_NEGATIVE(err_record_prefix((err), __VA_ARGS__))

/* The four are macros so that the compiler, too, knows that their result is below zero: what a
 * caller sets only on success is then never taken for uninitialised. */
#define ERR_NEGATIVE(call)                                                                         \
    ({                                                                                             \
        int rc_ = (call);                                                                          \
                                                                                                   \
        if (rc_ >= 0)                                                                              \
            __builtin_unreachable();                                                               \
        rc_;                                                                                       \
    })
int err_record(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int err_record_errno(struct err *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int err_record_detail(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int err_record_prefix(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "syntax", "limit", … for logs. */
const char *err_kind_name(enum err_kind kind);

/* The detail with the text, or the text alone: what a log line should say. Lives in `err`'s
 * caller's buffer. */
const char *err_for_log(const struct err *err, char *buf, size_t size);
