/* Consuming foreign bytes.
 *
 * A cursor walks over a slice. Its steps never read past the end. The first step that does not fit
 * marks the cursor as failed, with the offset and the name of the rule; after that every step does
 * nothing and returns an empty value, so a parser reads as the grammar and asks cur_ok once at the
 * end of a rule.
 *
 *   struct cursor c = cur_init(line);
 *   uint64_t uid = cur_number(&c, UINT32_MAX, "uid");
 *   cur_byte(&c, ' ', "space");
 *   struct slice word = cur_span(&c, is_atom_char, 1, "atom");
 *   cur_end(&c, "end of line");
 *   if (!cur_ok(&c)) return cur_fail(&c, err);
 *
 * Returned slices borrow from the slice that the cursor walks over.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct cursor {
    struct slice in;
    size_t at;        /* offset of the next byte */
    const char *rule; /* the rule that failed; NULL while all is well */
};

static inline struct cursor cur_init(struct slice in)
{
    return (struct cursor){in, 0, NULL};
}

static inline bool cur_ok(const struct cursor *c)
{
    return c->rule == NULL;
}

/* What is left; empty after a failure. */
static inline struct slice cur_rest(const struct cursor *c)
{
    return cur_ok(c) ? slice_from(c->in, c->at) : (struct slice){NULL, 0};
}

/* The next byte without taking it; -1 at the end or after a failure. */
static inline int cur_peek(const struct cursor *c)
{
    return cur_ok(c) ? slice_at(c->in, c->at) : -1;
}

static inline bool cur_at_end(const struct cursor *c)
{
    return cur_ok(c) && c->at >= c->in.n;
}

/* Marks the cursor as failed here, unless it has failed before. */
static inline void cur_reject(struct cursor *c, const char *rule)
{
    if (c->rule == NULL)
        c->rule = rule;
}

/* Back to a place noted before in c->at; has no effect after a failure. For grammars that need one
 * look-ahead. */
static inline void cur_back(struct cursor *c, size_t at)
{
    if (cur_ok(c) && at <= c->at)
        c->at = at;
}

/* These take the byte or text if it is next and say whether they did; they never fail. */
bool cur_eat(struct cursor *c, uint8_t byte);
bool cur_eat_text(struct cursor *c, struct slice text);
bool cur_eat_nocase(struct cursor *c, struct slice text);

/* These fail when the byte, the text, the end is not next. */
void cur_byte(struct cursor *c, uint8_t byte, const char *rule);
void cur_text_nocase(struct cursor *c, struct slice text, const char *rule);
void cur_end(struct cursor *c, const char *rule);

/* Exactly n bytes. */
struct slice cur_take(struct cursor *c, size_t n, const char *rule);

/* As many bytes as `is` accepts; fails when there are fewer than min. */
struct slice cur_span(struct cursor *c, bool (*is)(int byte), size_t min, const char *rule);

/* All bytes before the next `byte`, which is not taken; fails when there is none. */
struct slice cur_until(struct cursor *c, uint8_t byte, const char *rule);

/* Decimal digits, at least one, value at most max. */
uint64_t cur_number(struct cursor *c, uint64_t max, const char *rule);

/* Turns a failed cursor into an error of kind ERR_SYNTAX with its offset; returns -ERR_SYNTAX. */
int cur_fail(const struct cursor *c, struct err *err);
