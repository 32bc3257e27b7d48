#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "imap/search_key.h"
#include "mail/date.h"
#include "mail/decode.h"
#include "mail/header.h"

/* A part's text is decoded up to this; what follows is not searched. */
#define PART_TEXT_MAX (64u * 1024 * 1024)

/* The message's header, or all of it. */
static int load(struct imap_search_message *m, bool header_only, struct err *err)
{
    uint64_t at = 0, n = UINT64_MAX;
    int rc = 0;

    if (!m->has_parts)
        rc = imap_body_of_row(&m->body, m->a, m->row, err);
    m->has_parts = rc == 0;
    if (rc == 0 && header_only && m->body.parts_n > 0)
        imap_body_header(&m->body, 0, &at, &n);
    return rc == 0 ? imap_body_load(&m->body, m->s, m->row->uid, n, err) : rc;
}

bool imap_search_holds(struct slice utf8, struct slice folded_needle)
{
    _cleanup_(build_done) struct builder folded = {0};

    build_init(&folded, PART_TEXT_MAX);
    imap_search_fold(&folded, utf8);
    return slice_find(build_slice(&folded), folded_needle) != SIZE_MAX;
}

/* The header of an entry, parsed; its octets are malloc'd into *octets_out. */
static int read_header(struct imap_search_message *m, size_t entry, uint8_t **octets_out,
                       struct mail_header *out, struct err *err)
{
    uint64_t at, n;

    imap_body_header(&m->body, entry, &at, &n);
    int rc = imap_body_copy(&m->body, at, n, octets_out, err);

    return rc == 0 ? mail_header_parse(m->a, slice_of(*octets_out, (size_t)n), out, err) : rc;
}

static int match_header(const struct imap_search_key *key, struct imap_search_message *m,
                        struct err *err)
{
    _cleanup_free_ uint8_t *octets = NULL;
    struct mail_header header;
    const struct mail_field *field;
    int rc = load(m, /* header_only= */ true, err);

    if (rc == 0 && m->body.parts_n == 0)
        return 0;
    if (rc == 0)
        rc = read_header(m, 0, &octets, &header, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; (field = mail_header_find(&header, key->field, i)); i++)
        if (imap_search_holds(mail_words_decode(m->a, field->body), key->text))
            return 1;
    return 0;
}

/* Any field of a header, with its name. */
static int match_header_text(struct imap_search_message *m, size_t entry, struct slice needle,
                             struct err *err)
{
    _cleanup_free_ uint8_t *octets = NULL;
    struct mail_header header;
    int rc = read_header(m, entry, &octets, &header, err);

    for (size_t i = 0; rc == 0 && i < header.n; i++) {
        _cleanup_(build_done) struct builder line = {0};

        build_init(&line, PART_TEXT_MAX);
        build_bytes(&line, header.fields[i].name);
        build_text(&line, ": ");
        build_bytes(&line, mail_words_decode(m->a, header.fields[i].body));
        if (imap_search_holds(build_slice(&line), needle))
            return 1;
    }
    return rc;
}

static int match_part(struct imap_search_message *m, size_t entry, struct slice needle,
                      struct err *err)
{
    const struct part_entry *e = &m->body.parts[entry];
    _cleanup_free_ uint8_t *octets = NULL;
    _cleanup_(build_done) struct builder decoded = {0}, text = {0};
    uint64_t at, n;

    build_init(&decoded, PART_TEXT_MAX);
    build_init(&text, PART_TEXT_MAX);
    imap_body_content(&m->body, entry, &at, &n);
    int rc = imap_body_copy(&m->body, at, n, &octets, err);

    if (rc < 0)
        return rc;
    (void)mail_decode_transfer(&decoded, (enum part_encoding)e->encoding,
                               slice_of(octets, (size_t)n));
    (void)mail_decode_charset(&text, e->charset, build_slice(&decoded));
    return imap_search_holds(build_slice(&text), needle);
}

static int match_text(const struct imap_search_key *key, struct imap_search_message *m,
                      struct err *err)
{
    int rc = load(m, /* header_only= */ false, err);

    for (size_t i = 0; rc == 0 && i < m->body.parts_n; i++) {
        if (key->kind == IMAP_KEY_TEXT)
            rc = match_header_text(m, i, key->text, err);
        if (rc == 0 && m->body.parts[i].is_text)
            rc = match_part(m, i, key->text, err);
    }
    return rc;
}

static bool compare_date(enum imap_search_kind kind, int64_t date, uint64_t want)
{
    switch (kind) {
    case IMAP_KEY_BEFORE:
    case IMAP_KEY_SENT_BEFORE:
        return date < (int64_t)want;
    case IMAP_KEY_ON:
    case IMAP_KEY_SENT_ON:
        return date == (int64_t)want;
    default:
        return date >= (int64_t)want;
    }
}

static bool match_received(const struct imap_search_key *key, const Gw__Message *row)
{
    /* RFC 9051 6.4.4: "disregarding time and timezone": the date as it is written. */
    struct clock_utc utc =
        clock_utc_of(row->received_ns / NS_PER_S + (int64_t)row->zone_minutes * 60);

    return compare_date(key->kind, utc.year * 10000 + utc.month * 100 + utc.day, key->number);
}

/* The Date field is the first string of the envelope. */
static bool match_sent(const struct imap_search_key *key, struct imap_search_message *m)
{
    struct cursor c = cur_init(rpc_slice(m->row->envelope));
    struct mail_date date;

    cur_byte(&c, '(', "an envelope");
    struct slice text = imap_parse_string(&c, m->a);

    return cur_ok(&c) && mail_date_parse(text, &date) &&
           compare_date(key->kind, date.year * 10000 + date.month * 100 + date.day, key->number);
}

static bool match_keyword(const struct imap_search_key *key, const Gw__Message *row)
{
    for (size_t i = 0; i < row->n_keywords; i++)
        if (slice_eq(rpc_slice(row->keywords[i]), key->text))
            return true;
    return false;
}

static int match_all(const struct imap_search_key *key, struct imap_search_message *m,
                     struct err *err);

static int match_key(const struct imap_search_key *key, struct imap_search_message *m,
                     struct err *err)
{
    const Gw__Message *row = m->row;
    int64_t age_s = m->now_s - row->received_ns / NS_PER_S;
    int rc;

    switch (key->kind) {
    case IMAP_KEY_ALL:
        return 1;
    case IMAP_KEY_NONE:
        return 0;
    case IMAP_KEY_FLAG:
        return (row->flags & key->bits) != 0;
    case IMAP_KEY_KEYWORD:
        return match_keyword(key, row);
    case IMAP_KEY_BEFORE:
    case IMAP_KEY_ON:
    case IMAP_KEY_SINCE:
        return match_received(key, row);
    case IMAP_KEY_SENT_BEFORE:
    case IMAP_KEY_SENT_ON:
    case IMAP_KEY_SENT_SINCE:
        return match_sent(key, m);
    case IMAP_KEY_OLDER:
        return age_s >= (int64_t)key->number;
    case IMAP_KEY_YOUNGER:
        return age_s <= (int64_t)key->number;
    case IMAP_KEY_LARGER:
        return row->size > key->number;
    case IMAP_KEY_SMALLER:
        return row->size < key->number;
    case IMAP_KEY_HEADER:
        return match_header(key, m, err);
    case IMAP_KEY_ENVELOPE:
        return imap_search_envelope(key, m);
    case IMAP_KEY_BODY:
    case IMAP_KEY_TEXT:
        return match_text(key, m, err);
    case IMAP_KEY_UIDS:
        return ranges_contains(&key->uids, row->uid);
    case IMAP_KEY_MODSEQ:
        return row->modseq >= key->number;
    case IMAP_KEY_NOT:
        rc = match_key(key->a, m, err);
        return rc < 0 ? rc : !rc;
    case IMAP_KEY_OR:
        rc = match_key(key->a, m, err);
        return rc != 0 ? rc : match_key(key->b, m, err);
    case IMAP_KEY_AND:
        return match_all(key->a, m, err);
    }
    return 0;
}

static int match_all(const struct imap_search_key *key, struct imap_search_message *m,
                     struct err *err)
{
    int rc = 1;

    for (; key && rc == 1; key = key->next)
        rc = match_key(key, m, err);
    return rc;
}

int imap_search_match(const struct imap_search *search, struct imap_search_message *m,
                      struct err *err)
{
    return match_key(search->first, m, err);
}
