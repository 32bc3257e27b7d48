#include "base/cursor.h"

#include "base/ascii.h"

bool cur_eat(struct cursor *c, uint8_t byte)
{
    if (cur_peek(c) != byte)
        return false;
    c->at++;
    return true;
}

bool cur_eat_text(struct cursor *c, struct slice text)
{
    if (!cur_ok(c) || !slice_starts(cur_rest(c), text))
        return false;
    c->at += text.n;
    return true;
}

bool cur_eat_nocase(struct cursor *c, struct slice text)
{
    if (!cur_ok(c) || !slice_starts_nocase(cur_rest(c), text))
        return false;
    c->at += text.n;
    return true;
}

void cur_byte(struct cursor *c, uint8_t byte, const char *rule)
{
    if (!cur_eat(c, byte))
        cur_reject(c, rule);
}

void cur_text_nocase(struct cursor *c, struct slice text, const char *rule)
{
    if (!cur_eat_nocase(c, text))
        cur_reject(c, rule);
}

void cur_end(struct cursor *c, const char *rule)
{
    if (!cur_at_end(c))
        cur_reject(c, rule);
}

struct slice cur_take(struct cursor *c, size_t n, const char *rule)
{
    struct slice rest = cur_rest(c);

    if (rest.n < n)
        cur_reject(c, rule);
    if (!cur_ok(c))
        return (struct slice){NULL, 0};
    c->at += n;
    return slice_sub(rest, 0, n);
}

struct slice cur_span(struct cursor *c, bool (*is)(int byte), size_t min, const char *rule)
{
    struct slice rest = cur_rest(c);
    size_t n = 0;

    while (n < rest.n && is(rest.p[n]))
        n++;
    if (n < min)
        cur_reject(c, rule);
    return cur_take(c, cur_ok(c) ? n : 0, rule);
}

struct slice cur_until(struct cursor *c, uint8_t byte, const char *rule)
{
    size_t n = slice_find_byte(cur_rest(c), byte);

    if (n == SIZE_MAX)
        cur_reject(c, rule);
    return cur_take(c, cur_ok(c) ? n : 0, rule);
}

uint64_t cur_number(struct cursor *c, uint64_t max, const char *rule)
{
    size_t start = c->at;
    uint64_t value = 0;

    if (!ascii_is_digit(cur_peek(c)))
        cur_reject(c, rule);
    while (cur_ok(c) && ascii_is_digit(cur_peek(c))) {
        uint64_t digit = (uint64_t)(c->in.p[c->at] - '0');

        if (digit > max || value > (max - digit) / 10) {
            c->at = start;
            cur_reject(c, rule);
            return 0;
        }
        value = value * 10 + digit;
        c->at++;
    }
    return cur_ok(c) ? value : 0;
}

int cur_fail(const struct cursor *c, struct err *err)
{
    int rc =
        err_set(err, ERR_SYNTAX, "syntax error: expected %s", c->rule ? c->rule : "something else");

    if (err)
        err->offset = c->at;
    return rc;
}
