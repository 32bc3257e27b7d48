/* The grammar of commands (RFC 9051 9). Each function takes its rule from the cursor, which
 * remembers the first failure; results live in `a` or borrow from the cursor's bytes. The bytes are
 * a command with its literals as they came (see framer.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cursor.h"

/* Flags as in the store protocol. */
enum {
    IMAP_FLAG_SEEN = 1u << 0,
    IMAP_FLAG_ANSWERED = 1u << 1,
    IMAP_FLAG_FLAGGED = 1u << 2,
    IMAP_FLAG_DELETED = 1u << 3,
    IMAP_FLAG_DRAFT = 1u << 4,
};
#define IMAP_FLAG_NAMES_N 10
/* Bit i of flags is called so: "\\Seen" … "$MDNSent". */
extern const char *const imap_flag_names[IMAP_FLAG_NAMES_N];

struct imap_flags {
    uint32_t bits;
    struct slice *keywords; /* lower case */
    size_t n;
};

/* A set as written; 0 stands for "*". */
struct imap_set_range {
    uint32_t first, last;
};
struct imap_set {
    struct imap_set_range *v;
    size_t n;
    bool saved; /* "$": the saved search result, RFC 5182 */
};

struct imap_date_time {
    int64_t unix_s;
    int zone_minutes;
};

bool imap_is_atom_char(int c);
bool imap_is_astring_char(int c);

struct slice imap_parse_tag(struct cursor *c);
/* Letters, digits and other atom characters; at least one. */
struct slice imap_parse_atom(struct cursor *c);
void imap_parse_space(struct cursor *c);
/* Quoted or literal. */
struct slice imap_parse_string(struct cursor *c, struct arena *a);
struct slice imap_parse_astring(struct cursor *c, struct arena *a);
/* To UTF-8; modified UTF-7 unless `utf8`. Inbox in any case becomes "Inbox". */
struct slice imap_parse_mailbox(struct cursor *c, struct arena *a, bool utf8);
/* The same for the words of LIST, which may hold wildcards. */
struct slice imap_parse_list_mailbox(struct cursor *c, struct arena *a, bool utf8);
uint32_t imap_parse_nz_number(struct cursor *c);
void imap_parse_set(struct cursor *c, struct arena *a, struct imap_set *out);
/* Year * 10000 + month * 100 + day; with or without quotes. */
int32_t imap_parse_date(struct cursor *c);
struct imap_date_time imap_parse_date_time(struct cursor *c);
/* "(\Seen word)"; an unknown system flag is refused. */
void imap_parse_flag_list(struct cursor *c, struct arena *a, struct imap_flags *out);
/* The same, or flags with spaces between. */
void imap_parse_flags(struct cursor *c, struct arena *a, struct imap_flags *out);
/* One flag by its name: adds to `out`, whose keywords must have room. */
void imap_flags_add(struct imap_flags *out, struct arena *a, struct slice name, struct cursor *c);
