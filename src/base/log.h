/* Structured log: one event, one line, named fields.
 *
 *   log_event(log, LOG_INFO, "smtp", conn_id, "message delivered",
 *             LOG_SLICE("from", reverse_path), LOG_NUM("size_bytes", size));
 *
 * logfmt:  l=info m="message delivered" pkg=smtp cid=18f3a from=ann@example.org size_bytes=1432
 * json:    {"l":"info","m":"message delivered","pkg":"smtp","cid":"18f3a", …}
 *
 * Values are escaped: text from a peer can start neither a line nor a field. Secrets are never
 * passed to the log. A line is cut at 4000 bytes and written whole, also
 * to a pipe that several processes share. Errors caused by a
 * peer are info or debug; level error means that the operator has to act. Safe to call from any
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

struct log;

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_FIELD_SLICE, LOG_FIELD_INT, LOG_FIELD_HEX } type;
    struct slice text;
    int64_t number;
};

#define LOG_SLICE(k, s) ((struct log_field){.key = (k), .type = LOG_FIELD_SLICE, .text = (s)})
#define LOG_STR(k, s) LOG_SLICE(k, slice_str(s))
#define LOG_NUM(k, v)                                                                              \
    ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .number = (int64_t)(v)})
#define LOG_HEX(k, v)                                                                              \
    ((struct log_field){.key = (k), .type = LOG_FIELD_HEX, .number = (int64_t)(v)})

/* Writes to `fd`, which it does not own. clock may be NULL: no time in the lines (a service manager
 * adds it). */
struct log *log_new(int fd, bool json, const struct clock *clock);
void log_free(struct log *log);

/* Adds " role=NAME" to every line. `role` is borrowed for the life of the log. */
void log_set_role(struct log *log, const char *role);

/* Levels from "info" or "info,smtp=debug,imap=trace": first the default, then modules. Replaces all
 * of them at once, in use or not. fails: ERR_SYNTAX, nothing changed. */
int log_set_levels(struct log *log, struct slice spec, struct err *err) WARN_UNUSED;

/* Whether such a line would be written: to save the work of preparing it. */
bool log_wants(const struct log *log, enum log_level level, const char *module);

/* cid 0 is left out. `fields` ends with a NULL key. */
void log_write(struct log *log, enum log_level level, const char *module, uint64_t cid,
               const char *message, const struct log_field *fields);

#define log_event(log, level, module, cid, message, ...)                                           \
    log_write((log), (level), (module), (cid), (message),                                          \
              (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})

/* An event with the fields of an error: kind, and text with detail. */
void log_err(struct log *log, enum log_level level, const char *module, uint64_t cid,
             const char *message, const struct err *err);

const char *log_level_name(enum log_level level);
