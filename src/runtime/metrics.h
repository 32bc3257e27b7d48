/* Numbers about what the processes do, in the text form of Prometheus.
 *
 *   metrics_add(env->metrics, METRIC_CONNECTIONS, 1, "smtp", "submission");
 *   metrics_observe(env->metrics, METRIC_STORE_COMMIT_DURATION, ns);
 *
 * The supervisor makes one segment of shared memory for each process before it starts it, and keeps
 * it when the process is replaced, so counters never go back while the server runs. A process maps
 * its own segment; the process that serves the numbers maps all of them, read-only, and adds them
 * up when it is asked. Counting is a lookup and a relaxed atomic add: no lock, no system call, any
 * thread.
 *
 * All families are rows of one table (metrics_table.c), known to every process, so a segment holds
 * numbers only and the reader believes nothing else that a process wrote. A label has a fixed set
 * of values, or is a code; what is not among them becomes the last of the set. A family has a fixed
 * number of combinations; when they are used up further ones are not counted, but
 * METRIC_METRICS_DROPPED is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/builder.h"
#include "base/err.h"

/* In the order of metrics_table.c. In parentheses: the labels, in the order of the arguments. */
enum metric {
    METRIC_CONNECTIONS,         /* (protocol, service) */
    METRIC_CONNECTIONS_OPEN,    /* (protocol, service) */
    METRIC_CONNECTIONS_REFUSED, /* (service, reason: rate open authfailures busy proxy stopping) */
    METRIC_SMTP_COMMAND,        /* (kind, cmd, code, ecode), ns */
    METRIC_SMTP_DELIVERIES,     /* (result) */
    METRIC_SMTP_SUBMISSIONS,    /* (result) */
    METRIC_STARTTLS,            /* (service) */
    METRIC_STARTTLS_ERRORS,     /* (reason) */
    METRIC_AUTHENTICATIONS,     /* (kind, variant, result) */
    METRIC_AUTH_RATE_LIMITED,   /* (kind) */
    METRIC_INTERNAL_FAULTS,     /* (component) */
    METRIC_IMAP_COMMAND,        /* (cmd, result: ok no bad), ns */
    METRIC_STORE_COMMITS,       /* (result: ok failed) */
    METRIC_STORE_COMMIT_WRITES, /* writes in one commit */
    METRIC_STORE_COMMIT_DURATION, /* ns */
    METRIC_STORE_QUEUE,           /* writes that wait */
    METRIC_STORE_WRITES,          /* writes made durable */
    METRIC_METRICS_DROPPED,
    METRIC_COUNT
};

/* One process's numbers. NULL wherever one is taken: nothing is counted. */
struct metrics;

/* Adds to a counter or a gauge; the labels follow as text. */
#define metrics_add(m, which, n, ...)                                                              \
    metrics_add_labels((m), (which), (n), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
/* Counts a value in a histogram. */
#define metrics_observe(m, which, value, ...)                                                      \
    metrics_observe_labels((m), (which), (value),                                                  \
                           (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
void metrics_add_labels(struct metrics *m, enum metric which, int64_t n, const char *const *labels);
void metrics_observe_labels(struct metrics *m, enum metric which, int64_t value,
                            const char *const *labels);

/* ---- segments ---- */

size_t metrics_size(void);
/* A new segment, all zero; it can neither grow nor shrink. The descriptor is the caller's. */
int metrics_segment_new(int *fd_out, struct err *err) WARN_UNUSED;
/* The same segment for reading only. Needs /proc. */
int metrics_segment_view(int fd, int *fd_out, struct err *err) WARN_UNUSED;
/* Maps a segment; closes nothing. The mapping stays for the life of the process, or until
 * metrics_unmap. fails: ERR_INVALID it has not the size of one. */
int metrics_map(int fd, bool writable, struct metrics **out, struct err *err) WARN_UNUSED;
void metrics_unmap(struct metrics *m);
/* Sets gauges to zero: when the last process that counted here has ended. */
void metrics_forget_gauges(struct metrics *m);

/* ---- reading ---- */

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TEXT_MAX (8u * 1024 * 1024) /* for the builder */

/* Segments of all processes; both arrays are the caller's. */
struct metrics_view {
    struct metrics *const *segments;
    size_t n;
};

/* Appends the whole text: the sums over all segments. fails: ERR_NOMEM, ERR_LIMIT of the builder.
 */
int metrics_render(const struct metrics_view *view, struct builder *out,
                   struct err *err) WARN_UNUSED;
