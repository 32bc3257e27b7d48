#include "smtp/path.h"

#include <idn2.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "net/addr.h"

bool smtp_is_atext(int byte)
{
    return ascii_is_alnum(byte) ||
           (byte > 0 && byte < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

static bool is_atext_or_utf8(int byte)
{
    return smtp_is_atext(byte) || byte >= 0x80;
}

static bool is_domain_octet(int byte)
{
    return ascii_is_alnum(byte) || byte == '-' || byte == '.' || byte >= 0x80;
}

static bool is_numeric(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]))
            return false;
    return true;
}

/* An A-label must be decodable; which characters a registry allows is not our question. */
static bool a_label_valid(struct slice label)
{
    char text[64];
    char *unicode = NULL;

    memcpy(text, label.p, label.n);
    text[label.n] = '\0';
    int rc = idn2_to_unicode_8z8z(text, &unicode, 0);

    idn2_free(unicode);
    return rc == IDN2_OK;
}

static bool label_valid(struct slice label)
{
    if (label.n == 0 || label.n > 63 || slice_at(label, 0) == '-' ||
        slice_at(label, label.n - 1) == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    return !slice_starts_nocase(label, SLICE("xn--")) || a_label_valid(label);
}

bool smtp_domain_valid(struct slice domain)
{
    unsigned labels = 0, numeric = 0;

    if (domain.n == 0 || domain.n > SMTP_DOMAIN_MAX)
        return false;
    for (;;) {
        size_t dot = slice_find_byte(domain, '.');
        struct slice label = slice_sub(domain, 0, dot);

        if (!label_valid(label))
            return false;
        labels++;
        numeric += is_numeric(label) ? 1 : 0;
        if (dot == SIZE_MAX)
            break;
        domain = slice_from(domain, dot + 1);
    }
    return !(labels == 4 && numeric == 4);
}

bool smtp_literal_valid(struct slice literal)
{
    struct addr addr;

    if (literal.n < 3 || slice_at(literal, 0) != '[' || slice_at(literal, literal.n - 1) != ']')
        return false;
    struct slice inner = slice_sub(literal, 1, literal.n - 2);

    if (slice_starts_nocase(inner, SLICE("IPv6:"))) {
        inner = slice_from(inner, 5);
        return slice_find_byte(inner, ':') != SIZE_MAX && addr_parse_ip(inner, &addr, NULL) == 0;
    }
    return slice_find_byte(inner, ':') == SIZE_MAX && addr_parse_ip(inner, &addr, NULL) == 0;
}

/* RFC 5891 5: the A-labels of a name in UTF-8, as a lookup takes it. The empty slice when there are
 * none. */
static struct slice to_a_labels(struct arena *a, struct slice name)
{
    const char *text = arena_str(a, name);
    char *ascii = NULL;
    struct slice out = {NULL, 0};

    if (text == NULL || slice_find_byte(name, 0) != SIZE_MAX)
        return out;
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
        out = arena_copy(a, slice_str(ascii));
    idn2_free(ascii);
    return out;
}

/* Quoted-string; its content goes to out[], which has room for all of the path. */
static size_t quoted_localpart(struct cursor *c, uint8_t *out, size_t room)
{
    size_t n = 0;

    cur_byte(c, '"', "quoted string");
    while (cur_ok(c) && cur_peek(c) != '"') {
        bool escaped = cur_eat(c, '\\');
        int byte = cur_peek(c);

        if (byte < 0x20 || byte == 0x7f || (escaped && byte > 0x7e) || n == room) {
            cur_reject(c, "quoted string");
            return 0;
        }
        (void)cur_take(c, 1, "quoted string");
        out[n++] = (uint8_t)byte;
    }
    cur_byte(c, '"', "quoted string");
    return n;
}

static void dot_string(struct cursor *c)
{
    do
        (void)cur_span(c, is_atext_or_utf8, 1, "local part");
    while (cur_eat(c, '.'));
}

static void parse_localpart(struct arena *a, struct cursor *c, struct smtp_path *out)
{
    uint8_t unquoted[SMTP_PATH_MAX];
    size_t at = c->at;
    struct slice local;

    if (cur_peek(c) == '"') {
        size_t n = quoted_localpart(c, unquoted, sizeof(unquoted));

        local = slice_of(unquoted, n);
    } else {
        dot_string(c);
        local = slice_sub(c->in, at, c->at - at);
    }
    if (!cur_ok(c))
        return;
    out->non_ascii = !utf8_is_ascii(local);
    if (local.n > SMTP_LOCALPART_MAX || (out->non_ascii && !utf8_valid(local)))
        cur_reject(c, "local part");
    else
        out->localpart = arena_copy(a, local);
}

static struct slice lower_copy(struct arena *a, struct slice s)
{
    uint8_t *p = arena_alloc(a, s.n);

    if (p == NULL)
        return (struct slice){NULL, 0};
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return slice_of(p, s.n);
}

static void parse_domain(struct arena *a, struct cursor *c, struct smtp_path *out)
{
    if (cur_peek(c) == '[') {
        size_t at = c->at;

        (void)cur_until(c, ']', "address literal");
        cur_byte(c, ']', "address literal");
        struct slice literal = slice_sub(c->in, at, c->at - at);

        if (cur_ok(c) && !smtp_literal_valid(literal))
            cur_reject(c, "address literal");
        out->literal = true;
        out->domain = lower_copy(a, literal);
        return;
    }
    struct slice domain = cur_span(c, is_domain_octet, 1, "domain");

    out->u_labels = !utf8_is_ascii(domain);
    if (out->u_labels)
        domain = domain.n <= SMTP_DOMAIN_MAX ? to_a_labels(a, domain) : (struct slice){NULL, 0};
    if (cur_ok(c) && !smtp_domain_valid(domain))
        cur_reject(c, "domain");
    if (cur_ok(c))
        out->domain = lower_copy(a, domain);
}

/* RFC 5321 appendix C: "@one,@two:" is accepted and ignored. */
static void skip_source_route(struct arena *a, struct cursor *c)
{
    if (cur_peek(c) != '@')
        return;
    do {
        cur_byte(c, '@', "source route");
        struct slice domain = cur_span(c, is_domain_octet, 1, "source route");

        if (!utf8_is_ascii(domain))
            domain = to_a_labels(a, domain);
        if (cur_ok(c) && !smtp_domain_valid(domain))
            cur_reject(c, "source route");
    } while (cur_eat(c, ','));
    cur_byte(c, ':', "source route");
}

static bool set_address(struct arena *a, struct smtp_path *out)
{
    out->address = out->localpart;
    if (out->domain.n > 0)
        out->address =
            arena_printf(a, "%.*s@%.*s", SLICE_FMT(out->localpart), SLICE_FMT(out->domain));
    return !arena_failed(a);
}

bool smtp_path_parse(struct arena *a, struct cursor *c, enum smtp_path_kind kind,
                     struct smtp_path *out)
{
    struct smtp_path path = {0};
    size_t start = c->at;

    cur_byte(c, '<', "path");
    if (kind == SMTP_PATH_REVERSE && cur_eat(c, '>')) {
        *out = (struct smtp_path){.null = true};
        return true;
    }
    if (kind == SMTP_PATH_FORWARD && cur_eat_nocase(c, SLICE("postmaster>"))) {
        path.localpart = SLICE("postmaster");
        path.text = SLICE("postmaster");
        *out = path;
        return set_address(a, out);
    }
    skip_source_route(a, c);
    size_t at = c->at;

    parse_localpart(a, c, &path);
    cur_byte(c, '@', "address");
    parse_domain(a, c, &path);
    struct slice text = slice_sub(c->in, at, c->at - at);

    cur_byte(c, '>', "path");
    if (cur_ok(c) && c->at - start > SMTP_PATH_MAX)
        cur_reject(c, "path length");
    if (!cur_ok(c))
        return !arena_failed(a);
    path.text = arena_copy(a, text);
    *out = path;
    return set_address(a, out);
}

static int upper_hex(int byte)
{
    return byte >= 'a' && byte <= 'f' ? -1 : ascii_hex_value(byte);
}

bool smtp_xtext_decode(struct arena *a, struct slice in, struct slice *out)
{
    uint8_t *p = arena_alloc(a, in.n);
    size_t n = 0;

    if (p == NULL)
        return false;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '+') {
            if (!ascii_is_graph(in.p[i]) || in.p[i] == '=')
                return false;
            p[n++] = in.p[i];
            continue;
        }
        int high = upper_hex(slice_at(in, i + 1)), low = upper_hex(slice_at(in, i + 2));

        if (high < 0 || low < 0)
            return false;
        p[n++] = (uint8_t)(high * 16 + low);
        i += 2;
    }
    *out = slice_of(p, n);
    return true;
}

void smtp_xtext_encode(struct builder *out, struct slice in)
{
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];

        if (c > ' ' && c < 0x7f && c != '+' && c != '=')
            build_byte(out, c);
        else
            build_printf(out, "+%02X", c);
    }
}

bool smtp_path_copy(struct arena *a, const struct smtp_path *path, struct smtp_path *out)
{
    *out = *path;
    out->localpart = arena_copy(a, path->localpart);
    out->domain = arena_copy(a, path->domain);
    out->text = arena_copy(a, path->text);
    out->address = arena_copy(a, path->address);
    return !arena_failed(a);
}
