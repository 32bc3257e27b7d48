/* Markup is skipped with memchr from '<' to '>'; text is copied with white space collapsed. Block
 * elements break lines, cells are kept apart by a space, and each level of quotation puts "> " in
 * front of a line, so that a preview can leave quotations out. What cannot be seen is dropped. */
#include "base/ascii.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define QUOTE_DEPTH_MAX 5
#define ENTITY_MAX 10

struct html {
    struct builder *out;
    struct slice in;
    size_t at;
    bool line_start, space; /* nothing on this line yet; white space is due */
    unsigned quote;
};

enum tag_kind { TAG_PLAIN, TAG_HIDDEN, TAG_BLOCK, TAG_QUOTE, TAG_CELL };

/* By length, then as frequent. */
static const struct tag {
    struct slice name;
    enum tag_kind kind;
} tags[] = {
    {SLICE_INIT("p"), TAG_BLOCK},         {SLICE_INIT("td"), TAG_CELL},
    {SLICE_INIT("tr"), TAG_BLOCK},        {SLICE_INIT("br"), TAG_BLOCK},
    {SLICE_INIT("li"), TAG_BLOCK},        {SLICE_INIT("th"), TAG_CELL},
    {SLICE_INIT("ul"), TAG_BLOCK},        {SLICE_INIT("ol"), TAG_BLOCK},
    {SLICE_INIT("h1"), TAG_BLOCK},        {SLICE_INIT("h2"), TAG_BLOCK},
    {SLICE_INIT("h3"), TAG_BLOCK},        {SLICE_INIT("h4"), TAG_BLOCK},
    {SLICE_INIT("h5"), TAG_BLOCK},        {SLICE_INIT("h6"), TAG_BLOCK},
    {SLICE_INIT("hr"), TAG_BLOCK},        {SLICE_INIT("dl"), TAG_BLOCK},
    {SLICE_INIT("dt"), TAG_BLOCK},        {SLICE_INIT("dd"), TAG_BLOCK},
    {SLICE_INIT("div"), TAG_BLOCK},       {SLICE_INIT("pre"), TAG_BLOCK},
    {SLICE_INIT("svg"), TAG_HIDDEN},      {SLICE_INIT("map"), TAG_HIDDEN},
    {SLICE_INIT("body"), TAG_BLOCK},      {SLICE_INIT("head"), TAG_HIDDEN},
    {SLICE_INIT("form"), TAG_BLOCK},      {SLICE_INIT("math"), TAG_HIDDEN},
    {SLICE_INIT("table"), TAG_BLOCK},     {SLICE_INIT("style"), TAG_HIDDEN},
    {SLICE_INIT("center"), TAG_BLOCK},    {SLICE_INIT("script"), TAG_HIDDEN},
    {SLICE_INIT("header"), TAG_BLOCK},    {SLICE_INIT("footer"), TAG_BLOCK},
    {SLICE_INIT("dialog"), TAG_HIDDEN},   {SLICE_INIT("section"), TAG_BLOCK},
    {SLICE_INIT("article"), TAG_BLOCK},   {SLICE_INIT("caption"), TAG_BLOCK},
    {SLICE_INIT("template"), TAG_HIDDEN}, {SLICE_INIT("blockquote"), TAG_QUOTE},
};

static enum tag_kind kind_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(tags) && tags[i].name.n <= name.n; i++)
        if (tags[i].name.n == name.n && tags[i].name.p[0] == ascii_lower(name.p[0]) &&
            slice_eq_nocase(tags[i].name, name))
            return tags[i].kind;
    return TAG_PLAIN;
}

static bool full(const struct html *h)
{
    return h->out->failed || h->out->max - h->out->n < 2 * QUOTE_DEPTH_MAX + 8;
}

static void break_line(struct html *h)
{
    if (!h->line_start && h->out->n < h->out->max)
        build_byte(h->out, '\n');
    h->line_start = true;
    h->space = false;
}

/* Before visible text: what is due. */
static void lead_in(struct html *h)
{
    if (h->line_start)
        for (unsigned i = 0; i < h->quote && i < QUOTE_DEPTH_MAX; i++)
            build_text(h->out, "> ");
    else if (h->space)
        build_byte(h->out, ' ');
    h->line_start = h->space = false;
}

static void put_code(struct html *h, uint32_t code)
{
    if (code == ' ' || code == '\t' || code == '\n' || code == '\r' || code == 0xa0) {
        h->space = true;
    } else if (code >= 0x20 && code != 0xad && code != 0x200b && code != 0x200c && !full(h)) {
        lead_in(h);
        utf8_append(h->out, code);
    }
}

static const struct {
    const char *name;
    uint32_t code;
} entities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},        {"quot", '"'},     {"apos", '\''},
    {"nbsp", 0xa0},    {"copy", 0xa9},    {"reg", 0xae},      {"euro", 0x20ac},  {"auml", 0xe4},
    {"ouml", 0xf6},    {"uuml", 0xfc},    {"Auml", 0xc4},     {"Ouml", 0xd6},    {"Uuml", 0xdc},
    {"szlig", 0xdf},   {"eacute", 0xe9},  {"egrave", 0xe8},   {"ecirc", 0xea},   {"euml", 0xeb},
    {"aacute", 0xe1},  {"agrave", 0xe0},  {"acirc", 0xe2},    {"aring", 0xe5},   {"aelig", 0xe6},
    {"iacute", 0xed},  {"igrave", 0xec},  {"icirc", 0xee},    {"iuml", 0xef},    {"oacute", 0xf3},
    {"ograve", 0xf2},  {"ocirc", 0xf4},   {"otilde", 0xf5},   {"atilde", 0xe3},  {"oslash", 0xf8},
    {"uacute", 0xfa},  {"ugrave", 0xf9},  {"ucirc", 0xfb},    {"ccedil", 0xe7},  {"ntilde", 0xf1},
    {"Aring", 0xc5},   {"Oslash", 0xd8},  {"AElig", 0xc6},    {"Eacute", 0xc9},  {"pound", 0xa3},
    {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019}, {"ldquo", 0x201c},
    {"rdquo", 0x201d}, {"bull", 0x2022},  {"hellip", 0x2026}, {"trade", 0x2122}, {"middot", 0xb7},
    {"laquo", 0xab},   {"raquo", 0xbb},   {"sect", 0xa7},     {"zwnj", 0x200c},  {"shy", 0xad},
};

/* The character of "&#233;", "&#xe9;" or "&eacute;"; the length with '&' and ';' in *n_out. */
static bool read_entity(struct slice in, uint32_t *code_out, size_t *n_out)
{
    struct slice name = slice_sub(in, 1, ENTITY_MAX);
    size_t end = slice_find_byte(name, ';');
    uint64_t number = 0;

    if (end == SIZE_MAX || end == 0)
        return false;
    name.n = end;
    *n_out = end + 2;
    if (name.p[0] == '#' && (slice_at(name, 1) == 'x' || slice_at(name, 1) == 'X')) {
        if (name.n == 2)
            return false;
        for (size_t i = 2; i < name.n; i++) {
            int digit = ascii_hex_value(name.p[i]);

            if (digit < 0)
                return false;
            number = number << 4 | (unsigned)digit;
        }
    } else if (name.p[0] == '#') {
        if (!num_parse(slice_from(name, 1), UINT32_MAX, &number))
            return false;
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(entities) && number == 0; i++)
            if (slice_eq(name, slice_str(entities[i].name)))
                number = entities[i].code;
        if (number == 0)
            return false;
    }
    *code_out = number > 0x10ffff ? UTF8_REPLACEMENT : (uint32_t)number;
    return true;
}

/* Text up to the next '<'. Words are copied whole. */
static void take_text(struct html *h, struct slice text)
{
    size_t at = 0;

    while (at < text.n && !full(h)) {
        uint8_t c = text.p[at];
        uint32_t code;
        size_t n;

        if (ascii_is_space(c)) {
            h->space = true;
            at++;
        } else if (c == '&' && read_entity(slice_from(text, at), &code, &n)) {
            put_code(h, code);
            at += n;
        } else if (c >= 0x80) {
            (void)utf8_decode(slice_from(text, at), &code, &n);
            put_code(h, code);
            at += n;
        } else if (ascii_is_graph(c)) {
            size_t start = at++;

            while (at < text.n && ascii_is_graph(text.p[at]) && text.p[at] != '&')
                at++;
            lead_in(h);
            size_t room = h->out->max - h->out->n;

            build_bytes(h->out, slice_sub(text, start, MIN(at - start, room)));
        } else {
            at++;
        }
    }
}

/* Up to "</name"; to the end of the text when it never comes. */
static void skip_hidden(struct html *h, struct slice name)
{
    while (h->at < h->in.n) {
        size_t lt = slice_find_byte(slice_from(h->in, h->at), '<');

        if (lt == SIZE_MAX)
            break;
        h->at += lt;
        struct slice rest = slice_from(h->in, h->at);

        if (slice_at(rest, 1) == '/' && slice_starts_nocase(slice_from(rest, 2), name) &&
            !ascii_is_alnum(slice_at(rest, 2 + name.n)))
            return;
        h->at++;
    }
    h->at = h->in.n;
}

static void take_tag(struct html *h, struct slice tag)
{
    bool close = slice_at(tag, 0) == '/';
    struct slice name = slice_from(tag, close);
    size_t n = 0;

    while (ascii_is_alnum(slice_at(name, n)))
        n++;
    name.n = n;
    if (n == 0)
        return;
    switch (kind_of(name)) {
    case TAG_PLAIN:
        break;
    case TAG_HIDDEN:
        if (!close && tag.p[tag.n - 1] != '/')
            skip_hidden(h, name);
        break;
    case TAG_CELL:
        h->space = true;
        break;
    case TAG_QUOTE:
        if (!close)
            h->quote++;
        else if (h->quote > 0)
            h->quote--;
        break_line(h);
        break;
    case TAG_BLOCK:
        break_line(h);
        break;
    }
}

void mail_html_text(struct builder *out, struct slice in)
{
    struct html h = {.out = out, .in = in, .line_start = true};

    while (h.at < in.n && !full(&h)) {
        size_t lt = slice_find_byte(slice_from(in, h.at), '<');

        take_text(&h, slice_sub(in, h.at, lt));
        if (lt == SIZE_MAX)
            break;
        h.at += lt + 1;
        struct slice rest = slice_from(in, h.at);
        bool comment = slice_at(rest, 0) == '!' && slice_starts(rest, SLICE("!--"));
        size_t end = comment ? slice_find(rest, SLICE("-->")) : slice_find_byte(rest, '>');

        if (!comment && !ascii_is_alpha(slice_at(rest, 0)) && slice_at(rest, 0) != '/' &&
            slice_at(rest, 0) != '!' && slice_at(rest, 0) != '?') {
            put_code(&h, '<');
            continue;
        }
        if (end == SIZE_MAX)
            break;
        h.at += end + (comment ? 3 : 1);
        if (!comment)
            take_tag(&h, slice_sub(rest, 0, end));
    }
    break_line(&h);
}
