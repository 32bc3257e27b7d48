#include "imap/fetch_items.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "imap/framer.h"
#include "imap/parse.h"
#include "imap/write.h"

/* Enough for one line of items. */
#define ITEMS_MAX 500u
/* MIME nests no deeper (MAIL_DEPTH_MAX). */
#define NUMBERS_MAX 100u
#define LABEL_MAX (2u * IMAP_LITERALS_BYTES_MAX)

struct word {
    const char *name;
    enum imap_fetch_kind kind;
};

static const struct word plain_items[] = {
    {"FLAGS", IMAP_FETCH_FLAGS},
    {"UID", IMAP_FETCH_UID},
    {"INTERNALDATE", IMAP_FETCH_INTERNALDATE},
    {"RFC822.SIZE", IMAP_FETCH_SIZE},
    {"ENVELOPE", IMAP_FETCH_ENVELOPE},
    {"BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE},
    {"BODY", IMAP_FETCH_BODY},
    {"MODSEQ", IMAP_FETCH_MODSEQ},
};

/* RFC 3501 6.4.5: the old names of sections. */
static const struct {
    const char *name;
    enum imap_section_text text;
    bool peek;
} old_sections[] = {
    {"RFC822", IMAP_SECTION_ALL, false},
    {"RFC822.HEADER", IMAP_SECTION_HEADER, true},
    {"RFC822.TEXT", IMAP_SECTION_TEXT, false},
};

static bool is_item_char(int c)
{
    return imap_is_atom_char(c) && c != '[' && c != '<';
}

static void parse_fields(struct cursor *c, struct arena *a, struct imap_fetch_item *item,
                         struct builder *label)
{
    struct slice rest;
    size_t n = 1;

    cur_text_nocase(c, SLICE(" ("), "a list of field names");
    rest = cur_rest(c);
    for (size_t i = 0; i < rest.n && rest.p[i] != ')'; i++)
        n += rest.p[i] == ' ';
    item->fields = ARENA_ARRAY(a, n, struct slice);
    if (!item->fields)
        cur_reject(c, "less (out of memory)");
    build_text(label, " (");
    do {
        struct slice name = imap_parse_astring(c, a);

        if (!cur_ok(c) || item->fields_n == n || name.n == 0) {
            cur_reject(c, "a field name");
            return;
        }
        if (item->fields_n)
            build_byte(label, ' ');
        /* Names are ASCII, as mailbox names in UTF-8 mode are written. */
        imap_write_mailbox(label, name, true);
        item->fields[item->fields_n++] = name;
    } while (cur_eat(c, ' '));
    cur_byte(c, ')', "the end of the field names");
    build_byte(label, ')');
}

/* "2.1." before a word, or all of "2.1". */
static void parse_numbers(struct cursor *c, struct arena *a, struct imap_fetch_item *item)
{
    uint32_t numbers[NUMBERS_MAX];

    while (cur_ok(c) && cur_peek(c) >= '0' && cur_peek(c) <= '9') {
        if (item->numbers_n == NUMBERS_MAX) {
            cur_reject(c, "fewer part numbers");
            break;
        }
        numbers[item->numbers_n++] = imap_parse_nz_number(c);
        if (!cur_eat(c, '.'))
            break;
        if (cur_peek(c) == ']')
            cur_reject(c, "a part number");
    }
    item->numbers = ARENA_ARRAY(a, item->numbers_n, uint32_t);
    if (item->numbers)
        memcpy(item->numbers, numbers, item->numbers_n * sizeof(numbers[0]));
    else
        cur_reject(c, "less (out of memory)");
}

static const struct {
    struct slice name;
    enum imap_section_text text;
} section_texts[] = {
    /* Longer ones first. */
    {SLICE_INIT("HEADER.FIELDS.NOT"), IMAP_SECTION_FIELDS_NOT},
    {SLICE_INIT("HEADER.FIELDS"), IMAP_SECTION_FIELDS},
    {SLICE_INIT("HEADER"), IMAP_SECTION_HEADER},
    {SLICE_INIT("TEXT"), IMAP_SECTION_TEXT},
    {SLICE_INIT("MIME"), IMAP_SECTION_MIME},
};

/* "<0.100>", perhaps. */
static void parse_partial(struct cursor *c, struct imap_fetch_item *item)
{
    if (!cur_eat(c, '<'))
        return;
    item->partial = true;
    item->offset = cur_number(c, INT64_MAX, "an offset");
    cur_byte(c, '.', "offset and count");
    item->count = cur_number(c, INT64_MAX, "a count");
    if (item->count == 0)
        cur_reject(c, "a count above 0");
    cur_byte(c, '>', "the end of the part");
}

static void parse_section(struct cursor *c, struct arena *a, struct imap_fetch_item *item,
                          struct builder *label)
{
    build_text(label, "BODY[");
    parse_numbers(c, a, item);
    for (size_t i = 0; i < item->numbers_n; i++)
        build_printf(label, i ? ".%u" : "%u", item->numbers[i]);
    item->text = IMAP_SECTION_ALL;
    if (cur_peek(c) != ']' && !(item->numbers_n && c->in.p[c->at - 1] != '.')) {
        size_t i = 0;

        while (i < ARRAY_SIZE(section_texts) && !cur_eat_nocase(c, section_texts[i].name))
            i++;
        if (i == ARRAY_SIZE(section_texts)) {
            cur_reject(c, "a section");
            return;
        }
        item->text = section_texts[i].text;
        if (item->text == IMAP_SECTION_MIME && item->numbers_n == 0)
            cur_reject(c, "a part number before MIME");
        if (item->numbers_n)
            build_byte(label, '.');
        build_bytes(label, section_texts[i].name);
        if (item->text == IMAP_SECTION_FIELDS || item->text == IMAP_SECTION_FIELDS_NOT)
            parse_fields(c, a, item, label);
    }
    cur_byte(c, ']', "the end of the section");
    build_byte(label, ']');
    parse_partial(c, item);
    if (item->partial)
        build_printf(label, "<%llu>", (unsigned long long)item->offset);
}

/* "[1.2]<0.100>", or "[]": the message. */
static void parse_binary(struct cursor *c, struct arena *a, struct imap_fetch_item *item,
                         struct builder *label)
{
    build_text(label, item->kind == IMAP_FETCH_BINARY ? "BINARY[" : "BINARY.SIZE[");
    parse_numbers(c, a, item);
    for (size_t i = 0; i < item->numbers_n; i++)
        build_printf(label, i ? ".%u" : "%u", item->numbers[i]);
    cur_byte(c, ']', "the end of the part number");
    build_byte(label, ']');
    /* RFC 9051 9: the response does not repeat the offset, and a size is that of the whole. */
    if (item->kind == IMAP_FETCH_BINARY)
        parse_partial(c, item);
}

static const struct {
    const char *name;
    enum imap_fetch_kind kind;
    bool peek;
} octet_items[] = {
    {"BODY", IMAP_FETCH_SECTION, false},           {"BODY.PEEK", IMAP_FETCH_SECTION, true},
    {"BINARY", IMAP_FETCH_BINARY, false},          {"BINARY.PEEK", IMAP_FETCH_BINARY, true},
    {"BINARY.SIZE", IMAP_FETCH_BINARY_SIZE, true},
};

/* An item with something in brackets; the cursor stands behind "[". */
static void parse_octets(struct cursor *c, struct arena *a, struct slice name,
                         struct imap_fetch_item *item)
{
    _cleanup_(build_done) struct builder label = {0};
    size_t i = 0;

    while (i < ARRAY_SIZE(octet_items) && !slice_eq_nocase(name, slice_str(octet_items[i].name)))
        i++;
    if (i == ARRAY_SIZE(octet_items)) {
        cur_reject(c, "BODY or BINARY before a section");
        return;
    }
    item->kind = octet_items[i].kind;
    item->peek = octet_items[i].peek;
    build_init(&label, LABEL_MAX);
    if (item->kind == IMAP_FETCH_SECTION)
        parse_section(c, a, item, &label);
    else
        parse_binary(c, a, item, &label);
    item->label = arena_copy(a, build_slice(&label));
}

static void parse_item(struct cursor *c, struct arena *a, struct imap_fetch_item *item)
{
    struct slice name = cur_span(c, is_item_char, 1, "an item");

    *item = (struct imap_fetch_item){0};
    if (cur_eat(c, '[')) {
        parse_octets(c, a, name, item);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(plain_items); i++) {
        if (slice_eq_nocase(name, slice_str(plain_items[i].name))) {
            item->kind = plain_items[i].kind;
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(old_sections); i++) {
        if (slice_eq_nocase(name, slice_str(old_sections[i].name))) {
            item->kind = IMAP_FETCH_SECTION;
            item->label = slice_str(old_sections[i].name);
            item->text = old_sections[i].text;
            item->peek = old_sections[i].peek;
            return;
        }
    }
    cur_reject(c, "a known item");
}

static bool parse_macro(struct cursor *c, struct imap_fetch_items *out)
{
    static const enum imap_fetch_kind all[] = {IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
                                               IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE,
                                               IMAP_FETCH_BODY};
    size_t at = c->at;
    struct slice name = cur_span(c, is_item_char, 0, "an item");

    if (slice_eq_nocase(name, SLICE("FAST")))
        out->n = 3;
    else if (slice_eq_nocase(name, SLICE("ALL")))
        out->n = 4;
    else if (slice_eq_nocase(name, SLICE("FULL")))
        out->n = 5;
    else
        cur_back(c, at);
    for (size_t i = 0; i < out->n; i++)
        out->v[i].kind = all[i];
    return out->n > 0;
}

void imap_parse_fetch_items(struct cursor *c, struct arena *a, struct imap_fetch_items *out)
{
    struct slice rest = cur_rest(c);
    size_t max = 5;

    for (size_t i = 0; i < rest.n && max < ITEMS_MAX; i++)
        max += rest.p[i] == ' ';
    out->n = 0;
    out->v = ARENA_ARRAY(a, max, struct imap_fetch_item);
    if (!out->v) {
        cur_reject(c, "less (out of memory)");
        return;
    }
    if (parse_macro(c, out))
        return;
    if (!cur_eat(c, '(')) {
        parse_item(c, a, &out->v[out->n++]);
        return;
    }
    do {
        if (out->n == max) {
            cur_reject(c, "fewer items");
            return;
        }
        parse_item(c, a, &out->v[out->n++]);
    } while (cur_eat(c, ' '));
    cur_byte(c, ')', "the end of the items");
}
