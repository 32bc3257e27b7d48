#include "store/mailbox_name.h"

#include "base/unicode.h"
#include "base/utf8.h"

static const struct slice inbox = SLICE_INIT("Inbox");

bool mailbox_name_is_inbox(struct slice name)
{
    return slice_eq(name, inbox);
}

struct slice mailbox_name_parent(struct slice name)
{
    size_t at = slice_rfind_byte(name, '/');

    return at == SIZE_MAX ? slice_of(NULL, 0) : slice_sub(name, 0, at);
}

bool mailbox_name_below(struct slice name, struct slice above)
{
    return name.n > above.n && slice_starts(name, above) && name.p[above.n] == '/';
}

static bool is_white(uint32_t code)
{
    return code == ' ' || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200b) ||
           code == 0x202f || code == 0x205f || code == 0x3000;
}

/* RFC 9051 5.1: no control characters, and no line or paragraph separators (RFC 5198 2). */
static bool is_forbidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x2028 || code == 0x2029;
}

/* A level is neither empty, nor ".", nor "..", nor only white space. */
static bool level_is_good(struct slice level)
{
    bool visible = false;

    if (slice_eq(level, SLICE(".")) || slice_eq(level, SLICE("..")))
        return false;
    while (level.n > 0) {
        uint32_t code;
        size_t n;

        if (!utf8_decode(level, &code, &n) || is_forbidden(code))
            return false;
        visible |= !is_white(code);
        level = slice_from(level, n);
    }
    return visible;
}

int mailbox_name_check(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    struct slice name = in, composed;
    unsigned levels = 0;

    if (in.n > MAILBOX_NAME_MAX)
        return err_set(err, ERR_LIMIT, "the mailbox name is too long");
    if (slice_starts_nocase(in, inbox) && (in.n == inbox.n || in.p[inbox.n] == '/')) {
        name = arena_copy(a, in);
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "out of memory");
        memcpy((uint8_t *)name.p, inbox.p, inbox.n);
    }
    if (!utf8_valid(name))
        return err_set(err, ERR_INVALID, "the mailbox name is not valid UTF-8");
    int rc = unicode_nfc(a, name, &composed, err);

    if (rc < 0)
        return rc;
    if (!slice_eq(name, composed))
        return err_set(err, ERR_INVALID, "the mailbox name is not in Unicode normalisation form C");
    if (slice_at(name, 0) == '#')
        return err_set(err, ERR_INVALID, "a mailbox name cannot start with \"#\"");
    for (size_t at = 0; at <= name.n; levels++) {
        struct slice level = slice_from(name, at);

        level = slice_sub(level, 0, slice_find_byte(level, '/'));
        if (!level_is_good(level))
            return err_set(err, ERR_INVALID, "the mailbox name is not valid");
        at += level.n + 1;
    }
    if (levels > MAILBOX_LEVELS_MAX)
        return err_set(err, ERR_LIMIT, "the mailbox name has too many levels");
    *out = name;
    return 0;
}
