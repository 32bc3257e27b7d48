/* The pieces of a head: lines, target, fields, cookies. */
#include "base/ascii.h"
#include "base/cursor.h"
#include "web/request_private.h"

static bool text_strict(struct slice line, bool tabs)
{
    for (size_t i = 0; i < line.n; i++)
        if (ascii_is_control(line.p[i]) && !(tabs && line.p[i] == '\t'))
            return false;
    return true;
}

bool http_field_strict(struct slice line)
{
    size_t colon = slice_find_byte(line, ':');

    return text_strict(line, true) && colon != SIZE_MAX && colon > 0 && line.p[0] != ' ' &&
           line.p[0] != '\t' && line.p[colon - 1] != ' ' && line.p[colon - 1] != '\t';
}

bool http_head_strict(struct slice head)
{
    struct cursor c = cur_init(head);
    bool first = true;

    for (;;) {
        struct slice line = cur_until(&c, '\r', "line");

        cur_byte(&c, '\r', "CR");
        cur_byte(&c, '\n', "LF");
        if (!cur_ok(&c))
            return false;
        if (line.n == 0)
            return !first && cur_at_end(&c);
        if (first ? !text_strict(line, false) : !http_field_strict(line))
            return false;
        first = false;
    }
}

/* RFC 3986 2.1. false: not well-formed, or what no path of ours can have. */
static bool decode_path(struct builder *out, struct slice in)
{
    build_init(out, HTTP_HEAD_MAX);
    for (size_t i = 0; i < in.n; i++) {
        int byte = in.p[i];

        if (byte == '%') {
            int high = ascii_hex_value(slice_at(in, i + 1));
            int low = ascii_hex_value(slice_at(in, i + 2));

            if (high < 0 || low < 0)
                return false;
            byte = high * 16 + low;
            i += 2;
        }
        if (ascii_is_control(byte))
            return false;
        build_byte(out, (uint8_t)byte);
    }
    return build_ok(out);
}

/* RFC 9112 3.2.2: a server accepts the absolute form, and its authority replaces Host. */
static struct slice read_authority(struct http_request *q)
{
    static const struct slice schemes[] = {SLICE_INIT("http://"), SLICE_INIT("https://")};

    for (size_t i = 0; i < 2; i++) {
        if (!slice_starts_nocase(q->target, schemes[i]))
            continue;
        struct slice rest = slice_from(q->target, schemes[i].n);
        size_t slash = slice_find_byte(rest, '/');

        q->host = slice_sub(rest, 0, slash);
        return slash == SIZE_MAX ? SLICE("/") : slice_from(rest, slash);
    }
    return q->target;
}

unsigned http_target_read(struct http_reader *r)
{
    struct http_request *q = r->request;
    struct slice rest = read_authority(q);
    size_t end = slice_find_byte(rest, '?');

    if (slice_at(rest, 0) != '/' || slice_find_byte(rest, '#') != SIZE_MAX)
        return 400;
    if (!decode_path(&r->path, slice_sub(rest, 0, end)))
        return 400;
    q->path = build_slice(&r->path);
    q->query = end == SIZE_MAX ? SLICE("") : slice_from(rest, end + 1);
    return 0;
}

struct slice http_field(const struct http_request *request, struct slice name)
{
    for (size_t i = 0; i < request->fields_n; i++)
        if (slice_eq_nocase(request->fields[i].name, name))
            return request->fields[i].value;
    return SLICE("");
}

/* RFC 6265 4.2.1: pairs with "; " between them. */
struct slice http_cookie(const struct http_request *request, struct slice name)
{
    struct slice rest = http_field(request, SLICE("Cookie")), found = SLICE("");
    unsigned hits = 0;

    while (rest.n > 0) {
        size_t end = slice_find_byte(rest, ';');
        struct slice pair = slice_trim(slice_sub(rest, 0, end));
        size_t equals = slice_find_byte(pair, '=');

        if (equals != SIZE_MAX && slice_eq(slice_sub(pair, 0, equals), name)) {
            found = slice_from(pair, equals + 1);
            hits++;
        }
        rest = end == SIZE_MAX ? SLICE("") : slice_from(rest, end + 1);
    }
    return hits == 1 ? found : SLICE("");
}

bool http_etag_listed(const struct http_request *request, struct slice etag)
{
    struct slice rest = http_field(request, SLICE("If-None-Match"));

    if (slice_eq(rest, SLICE("*")))
        return true;
    while (rest.n > 0) {
        size_t end = slice_find_byte(rest, ',');
        struct slice tag = slice_trim(slice_sub(rest, 0, end));

        /* RFC 9110 8.8.3.2: the weak comparison. */
        if (slice_starts(tag, SLICE("W/")))
            tag = slice_from(tag, 2);
        if (slice_eq(tag, etag))
            return true;
        rest = end == SIZE_MAX ? SLICE("") : slice_from(rest, end + 1);
    }
    return false;
}
