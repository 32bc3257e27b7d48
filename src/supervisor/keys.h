/* The table of configuration keys: the one place that knows them. Parser, checks of values, `godwit
 * config describe` and the table in godwit.conf(5) are made from it.
 *
 * A section belongs to a C struct, and a key to a member of it, by offset. Adding a key: add the
 * member in config.h and a row in keys.c, run `godwit config describe --mdoc` for the manual page.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type {
    KEY_TEXT,    /* const char * */
    KEY_PATH,    /* const char *, made absolute: relative to the directory of the file */
    KEY_CHOICE,  /* const char *, one of the words in `choices`, separated by spaces */
    KEY_NUMBER,  /* int64_t, min to max */
    KEY_SIZE,    /* int64_t octets, min to max; written 500, 64K, 100M, 2G */
    KEY_SWITCH,  /* bool */
    KEY_TEXTS,   /* struct config_texts, at least min */
    KEY_CLASSES, /* struct config_classes: exactly three numbers, min to max */
};

enum key_section {
    SECTION_GLOBAL,
    SECTION_LOG,
    SECTION_LIMITS,
    SECTION_TIMEOUTS,
    SECTION_DNS,
    SECTION_STORE,
    SECTION_TEST,
    SECTION_LISTENER,
    SECTION_SMTP,
    SECTION_SUBMISSION,
    SECTION_SUBMISSIONS,
    SECTION_IMAP,
    SECTION_IMAPS,
    SECTION_HTTP,
    SECTION_HTTPS,
    SECTION_METRICS,
    SECTION_TLS,
    SECTION_PROCESS,
    SECTION_COUNT
};

struct section_row {
    const char *name; /* unique among all sections */
    enum key_section parent;
    bool repeated;       /* may appear any number of times; absent when it does not appear */
    const char *example; /* titles in the template, separated by spaces; NULL: has no title */
    const char *help;
    bool tests_only; /* exists only with -Dtest_hooks=true */
    bool asked_for;  /* not in the file that the template makes: there it is a comment */
};

struct key_row {
    enum key_section section;
    const char *name;
    enum key_type type;
    const char *fallback; /* as written in the file; NULL: required or optional */
    const char *example;  /* for the template, when there is no fallback */
    const char *unit;     /* NULL: none */
    int64_t min, max;
    const char *choices;
    bool optional; /* without a fallback: the member stays NULL, 0, or a list of none */
    size_t offset;
    const char *help;
};

extern const struct section_row section_rows[SECTION_COUNT];
extern const struct key_row key_rows[];
extern const size_t key_rows_n;

/* False for what this build leaves out. */
bool section_exists(enum key_section section);
/* By the section's own name and the key's; NULL when there is none. */
const struct key_row *key_find(const char *section_name, const char *key_name);
/* "listener NAME / smtp / port" is "listener.smtp.port". */
void key_path(const struct key_row *key, char *buf, size_t size);
