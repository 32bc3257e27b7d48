#include <unicode/uchar.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/utf8.h"
#include "imap/search_key.h"

void imap_search_fold(struct builder *out, struct slice utf8)
{
    for (size_t i = 0, n; i < utf8.n; i += n) {
        uint32_t code;

        (void)utf8_decode(slice_from(utf8, i), &code, &n);
        utf8_append(out, (uint32_t)u_foldCase((UChar32)code, U_FOLD_CASE_DEFAULT));
    }
}

struct parser {
    struct imap_search *search;
    struct cursor *c;
    struct arena *a;
    const struct imap_view *view;
    const struct ranges *saved;
    unsigned depth;
};

enum argument { NO_ARGUMENT, DATE, NUMBER, STRING, FLAG_WORD };

static const struct {
    const char *name;
    enum imap_search_kind kind;
    enum argument argument;
    uint32_t bits;
    bool negated;
    const char *field;
} keys[] = {
    {"ALL", IMAP_KEY_ALL, NO_ARGUMENT, 0, false, NULL},
    {"ANSWERED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_ANSWERED, false, NULL},
    {"UNANSWERED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_ANSWERED, true, NULL},
    {"DELETED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_DELETED, false, NULL},
    {"UNDELETED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_DELETED, true, NULL},
    {"DRAFT", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_DRAFT, false, NULL},
    {"UNDRAFT", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_DRAFT, true, NULL},
    {"FLAGGED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_FLAGGED, false, NULL},
    {"UNFLAGGED", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_FLAGGED, true, NULL},
    {"SEEN", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_SEEN, false, NULL},
    {"UNSEEN", IMAP_KEY_FLAG, NO_ARGUMENT, IMAP_FLAG_SEEN, true, NULL},
    {"KEYWORD", IMAP_KEY_KEYWORD, FLAG_WORD, 0, false, NULL},
    {"UNKEYWORD", IMAP_KEY_KEYWORD, FLAG_WORD, 0, true, NULL},
    /* RFC 9051 Appendix E: no message is recent. */
    {"NEW", IMAP_KEY_NONE, NO_ARGUMENT, 0, false, NULL},
    {"RECENT", IMAP_KEY_NONE, NO_ARGUMENT, 0, false, NULL},
    {"OLD", IMAP_KEY_ALL, NO_ARGUMENT, 0, false, NULL},
    {"BEFORE", IMAP_KEY_BEFORE, DATE, 0, false, NULL},
    {"ON", IMAP_KEY_ON, DATE, 0, false, NULL},
    {"SINCE", IMAP_KEY_SINCE, DATE, 0, false, NULL},
    {"SENTBEFORE", IMAP_KEY_SENT_BEFORE, DATE, 0, false, NULL},
    {"SENTON", IMAP_KEY_SENT_ON, DATE, 0, false, NULL},
    {"SENTSINCE", IMAP_KEY_SENT_SINCE, DATE, 0, false, NULL},
    {"OLDER", IMAP_KEY_OLDER, NUMBER, 0, false, NULL},
    {"YOUNGER", IMAP_KEY_YOUNGER, NUMBER, 0, false, NULL},
    {"LARGER", IMAP_KEY_LARGER, NUMBER, 0, false, NULL},
    {"SMALLER", IMAP_KEY_SMALLER, NUMBER, 0, false, NULL},
    {"BCC", IMAP_KEY_ENVELOPE, STRING, 7, false, NULL},
    {"CC", IMAP_KEY_ENVELOPE, STRING, 6, false, NULL},
    {"FROM", IMAP_KEY_ENVELOPE, STRING, 2, false, NULL},
    {"SUBJECT", IMAP_KEY_ENVELOPE, STRING, 1, false, NULL},
    {"TO", IMAP_KEY_ENVELOPE, STRING, 5, false, NULL},
    {"BODY", IMAP_KEY_BODY, STRING, 0, false, NULL},
    {"TEXT", IMAP_KEY_TEXT, STRING, 0, false, NULL},
};

static struct imap_search_key *parse_key(struct parser *p);

static struct imap_search_key *new_key(struct parser *p, enum imap_search_kind kind)
{
    struct imap_search_key *key = ARENA_NEW(p->a, struct imap_search_key);

    if (!key) {
        cur_reject(p->c, "less (out of memory)");
        return NULL;
    }
    key->kind = kind;
    key->older = p->search->all;
    p->search->all = key;
    return key;
}

static void parse_text(struct parser *p, struct imap_search_key *key)
{
    _cleanup_(build_done) struct builder folded = {0};
    struct slice text = imap_parse_astring(p->c, p->a);

    if (!utf8_valid(text))
        cur_reject(p->c, "UTF-8");
    build_init(&folded, 4 * IMAP_LITERALS_BYTES_MAX);
    imap_search_fold(&folded, text);
    key->text = arena_copy(p->a, build_slice(&folded));
}

static void parse_flag_word(struct parser *p, struct imap_search_key *key)
{
    struct imap_flags flags = {.keywords = ARENA_ARRAY(p->a, 1, struct slice)};
    struct slice word = imap_parse_atom(p->c);

    if (!flags.keywords || !cur_ok(p->c))
        return;
    imap_flags_add(&flags, p->a, word, p->c);
    if (flags.bits)
        key->kind = IMAP_KEY_FLAG;
    key->bits = flags.bits;
    key->text = flags.keywords[0];
}

static void parse_argument(struct parser *p, enum argument argument, struct imap_search_key *key)
{
    if (argument != NO_ARGUMENT)
        imap_parse_space(p->c);
    switch (argument) {
    case NO_ARGUMENT:
        return;
    case DATE:
        key->number = (uint64_t)imap_parse_date(p->c);
        return;
    case NUMBER:
        key->number = cur_number(p->c, INT64_MAX, "a number");
        /* RFC 5032 3: an interval is at least a second. */
        if (key->number == 0 && (key->kind == IMAP_KEY_OLDER || key->kind == IMAP_KEY_YOUNGER))
            cur_reject(p->c, "an interval");
        return;
    case STRING:
        parse_text(p, key);
        return;
    case FLAG_WORD:
        parse_flag_word(p, key);
        return;
    }
}

/* What a row must have so that the key can be asked. */
static void note_needs(struct imap_search *search, enum imap_search_kind kind)
{
    switch (kind) {
    case IMAP_KEY_BEFORE:
    case IMAP_KEY_ON:
    case IMAP_KEY_SINCE:
    case IMAP_KEY_OLDER:
    case IMAP_KEY_YOUNGER:
        search->fields |= GW__MESSAGE_READ__FIELD__FIELD_DATES;
        return;
    case IMAP_KEY_SENT_BEFORE:
    case IMAP_KEY_SENT_ON:
    case IMAP_KEY_SENT_SINCE:
        search->fields |= GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE;
        return;
    case IMAP_KEY_ENVELOPE:
        search->fields |= GW__MESSAGE_READ__FIELD__FIELD_ENVELOPE_UTF8;
        return;
    case IMAP_KEY_LARGER:
    case IMAP_KEY_SMALLER:
        search->fields |= GW__MESSAGE_READ__FIELD__FIELD_SIZE;
        return;
    case IMAP_KEY_HEADER:
    case IMAP_KEY_BODY:
    case IMAP_KEY_TEXT:
        search->fields |=
            GW__MESSAGE_READ__FIELD__FIELD_PARTS | GW__MESSAGE_READ__FIELD__FIELD_SIZE;
        search->needs_octets = true;
        return;
    default:
        return;
    }
}

static struct imap_search_key *negate(struct parser *p, struct imap_search_key *key)
{
    struct imap_search_key *not = new_key(p, IMAP_KEY_NOT);

    if (not )
        not ->a = key;
    return not ;
}

static struct imap_search_key *parse_list(struct parser *p)
{
    struct imap_search_key *and = new_key(p, IMAP_KEY_AND);
    struct imap_search_key **end = and? &and->a : NULL;

    do {
        struct imap_search_key *key = parse_key(p);

        if (!key)
            return NULL;
        *end = key;
        end = &key->next;
    } while (cur_eat(p->c, ' '));
    return and;
}

static struct imap_search_key *parse_uid_set(struct parser *p, bool uids)
{
    struct imap_search_key *key = new_key(p, IMAP_KEY_UIDS);
    struct imap_set set;
    bool ok;

    if (!key)
        return NULL;
    imap_parse_set(p->c, p->a, &set);
    if (!cur_ok(p->c))
        return NULL;
    if (set.saved) {
        ok = ranges_copy(&key->uids, p->saved);
    } else if (uids) {
        ok = imap_view_uids(p->view, &set, &key->uids);
    } else {
        p->search->uses_seqs = true;
        ok = imap_view_seqs(p->view, &set, /* lenient= */ true, &key->uids) == IMAP_RESOLVED;
    }
    if (!ok)
        cur_reject(p->c, "less (out of memory)");
    return key;
}

/* RFC 7162 3.1.5: an entry name and type may stand before the number; they mean nothing here. */
static struct imap_search_key *parse_modseq(struct parser *p)
{
    struct imap_search_key *key = new_key(p, IMAP_KEY_MODSEQ);

    if (!key)
        return NULL;
    imap_parse_space(p->c);
    if (cur_peek(p->c) == '"') {
        (void)imap_parse_string(p->c, p->a);
        imap_parse_space(p->c);
        struct slice type = imap_parse_atom(p->c);

        if (!slice_eq_nocase(type, SLICE("all")) && !slice_eq_nocase(type, SLICE("priv")) &&
            !slice_eq_nocase(type, SLICE("shared")))
            cur_reject(p->c, "an entry type");
        imap_parse_space(p->c);
    }
    key->number = cur_number(p->c, INT64_MAX, "a mod-sequence");
    p->search->uses_modseq = true;
    return key;
}

static struct imap_search_key *parse_header(struct parser *p)
{
    struct imap_search_key *key = new_key(p, IMAP_KEY_HEADER);

    if (!key)
        return NULL;
    imap_parse_space(p->c);
    key->field = imap_parse_astring(p->c, p->a);
    imap_parse_space(p->c);
    parse_text(p, key);
    note_needs(p->search, IMAP_KEY_HEADER);
    return key;
}

static struct imap_search_key *parse_or(struct parser *p)
{
    struct imap_search_key *key = new_key(p, IMAP_KEY_OR);

    if (!key)
        return NULL;
    imap_parse_space(p->c);
    key->a = parse_key(p);
    imap_parse_space(p->c);
    key->b = parse_key(p);
    return key->a && key->b ? key : NULL;
}

static struct imap_search_key *parse_word(struct parser *p)
{
    struct slice word = imap_parse_atom(p->c);

    if (slice_eq_nocase(word, SLICE("NOT"))) {
        imap_parse_space(p->c);
        struct imap_search_key *key = parse_key(p);

        return key ? negate(p, key) : NULL;
    }
    if (slice_eq_nocase(word, SLICE("OR")))
        return parse_or(p);
    if (slice_eq_nocase(word, SLICE("HEADER")))
        return parse_header(p);
    if (slice_eq_nocase(word, SLICE("MODSEQ")))
        return parse_modseq(p);
    if (slice_eq_nocase(word, SLICE("UID"))) {
        imap_parse_space(p->c);
        return parse_uid_set(p, /* uids= */ true);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!slice_eq_nocase(word, slice_str(keys[i].name)))
            continue;
        struct imap_search_key *key = new_key(p, keys[i].kind);

        if (!key)
            return NULL;
        key->bits = keys[i].bits;
        key->field = slice_str(keys[i].field);
        parse_argument(p, keys[i].argument, key);
        note_needs(p->search, key->kind);
        return keys[i].negated ? negate(p, key) : key;
    }
    cur_reject(p->c, "a search key");
    return NULL;
}

/* NULL only when the cursor has failed. */
static struct imap_search_key *parse_key(struct parser *p)
{
    struct imap_search_key *key;
    int next = cur_peek(p->c);

    if (++p->depth > IMAP_SEARCH_DEPTH_MAX)
        cur_reject(p->c, "a search less deep");
    if (!cur_ok(p->c))
        key = NULL;
    else if (cur_eat(p->c, '(')) {
        key = parse_list(p);
        cur_byte(p->c, ')', "the end of a search list");
    } else if (next == '$' || next == '*' || (next >= '0' && next <= '9'))
        key = parse_uid_set(p, /* uids= */ false);
    else
        key = parse_word(p);
    p->depth--;
    if (!key)
        cur_reject(p->c, "a search key");
    return cur_ok(p->c) ? key : NULL;
}

void imap_search_parse(struct imap_search *search, struct cursor *c, struct arena *a,
                       const struct imap_view *view, const struct ranges *saved)
{
    struct parser p = {search, c, a, view, saved, 0};

    search->first = parse_list(&p);
}

void imap_search_done(struct imap_search *search)
{
    for (struct imap_search_key *key = search->all; key; key = key->older)
        ranges_done(&key->uids);
    *search = (struct imap_search){0};
}
