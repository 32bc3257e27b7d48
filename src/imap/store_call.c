#include "imap/store_call.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "imap/write.h"

int imap_call_fds(struct imap_session *s, Gw__Request *request, const int *fds, size_t fds_n,
                  Gw__Response__ResultCase want, const Gw__Response **out,
                  struct channel_record *fds_out, struct err *err)
{
    arena_reset(conn_arena(s->c));
    request->session = s->session;
    int rc = edge_call(s->listener->edge, s->c, request, fds, fds_n, out, fds_out, err);

    if (rc < 0)
        return rc;
    if ((*out)->result_case == want)
        return 0;
    if (fds_out)
        channel_record_done(fds_out);
    return err_set(err, ERR_INTERNAL, "the mail store gave an unexpected answer");
}

int imap_call(struct imap_session *s, Gw__Request *request, Gw__Response__ResultCase want,
              const Gw__Response **out, struct err *err)
{
    return imap_call_fds(s, request, NULL, 0, want, out, NULL, err);
}

struct imap_pairs imap_pairs(const struct ranges *set, uint64_t limit,
                             uint32_t buf[static 2 * IMAP_RANGES_PER_CALL])
{
    struct imap_pairs p = {.v = buf};

    for (size_t i = 0; i < set->n && i < IMAP_RANGES_PER_CALL && limit > 0; i++) {
        uint32_t first = set->v[i].first, last = set->v[i].last;

        if ((uint64_t)last - first >= limit)
            last = first + (uint32_t)limit - 1;
        limit -= (uint64_t)last - first + 1;
        buf[p.n++] = first;
        buf[p.n++] = last;
        p.last = last;
    }
    return p;
}

int imap_pairs_answered(struct ranges *todo, const struct imap_pairs *pairs, uint32_t next_uid,
                        struct err *err)
{
    uint32_t last = pairs->last;

    if (pairs->n && next_uid != 0 && next_uid <= last) {
        if (next_uid <= pairs->v[0])
            return err_set(err, ERR_INTERNAL, "the mail store gave an empty page");
        last = next_uid - 1;
    }
    return ranges_remove(todo, 1, last) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

bool imap_pairs_add(struct ranges *out, const uint32_t *v, size_t n)
{
    if (n % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i += 2)
        if (v[i] == 0 || v[i] > v[i + 1] || !ranges_add(out, v[i], v[i + 1]))
            return false;
    return true;
}

int imap_mailbox_open(struct imap_session *s, struct slice name, uint64_t id,
                      const Gw__MailboxOpened **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MailboxOpen open = GW__MAILBOX_OPEN__INIT;
    const Gw__Response *response;

    open.name = rpc_bytes(name);
    open.mailbox = id;
    request.call_case = GW__REQUEST__CALL_MAILBOX_OPEN;
    request.mailbox_open = &open;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_MAILBOX_OPENED, &response, err);

    if (rc < 0)
        return rc;
    if (!response->mailbox_opened->mailbox)
        return err_set(err, ERR_INTERNAL, "the mail store gave no mailbox");
    *out = response->mailbox_opened;
    return 0;
}

int imap_messages_read(struct imap_session *s, struct ranges *todo, uint64_t limit, uint32_t fields,
                       uint64_t changed_since, const Gw__Messages **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MessageRead read = GW__MESSAGE_READ__INIT;
    const Gw__Response *response;
    uint32_t buf[2 * IMAP_RANGES_PER_CALL];
    struct imap_pairs pairs = imap_pairs(todo, limit, buf);

    read.mailbox = s->view.mailbox;
    read.ranges = pairs.v;
    read.n_ranges = pairs.n;
    read.fields = fields;
    read.changed_since = changed_since;
    request.call_case = GW__REQUEST__CALL_MESSAGE_READ;
    request.message_read = &read;
    int rc = imap_call(s, &request, GW__RESPONSE__RESULT_MESSAGES, &response, err);

    if (rc == 0)
        rc = imap_pairs_answered(todo, &pairs, response->messages->next_uid, err);
    if (rc == 0)
        *out = response->messages;
    return rc;
}

static void write_keywords(struct builder *out, uint32_t bits, const ProtobufCBinaryData *keywords,
                           size_t n)
{
    struct slice few[16];
    _cleanup_free_ struct slice *many = n > ARRAY_SIZE(few) ? calloc(n, sizeof(*many)) : NULL;
    struct slice *v = many ? many : few;

    if (!many)
        n = MIN(n, ARRAY_SIZE(few));
    for (size_t i = 0; i < n; i++)
        v[i] = rpc_slice(keywords[i]);
    imap_write_flags(out, bits, v, n);
}

void imap_write_row_flags(struct builder *out, const Gw__Message *row)
{
    build_text(out, "FLAGS ");
    write_keywords(out, row->flags, row->keywords, row->n_keywords);
}

void imap_tell_flags(struct imap_session *s, const Gw__Message *row)
{
    uint32_t seq = imap_view_seq(&s->view, row->uid);
    _cleanup_(build_done) struct builder line = {0};

    if (seq == 0 || row->expunged)
        return;
    build_init(&line, IMAP_LINE_OUT_MAX);
    build_printf(&line, "* %u FETCH (UID %u ", seq, row->uid);
    imap_write_row_flags(&line, row);
    if (s->condstore)
        build_printf(&line, " MODSEQ (%llu)", (unsigned long long)row->modseq);
    build_text(&line, ")\r\n");
    conn_write(s->c, build_slice(&line));
}

void imap_tell_keywords(struct imap_session *s, const Gw__Mailbox *mailbox)
{
    _cleanup_(build_done) struct builder line = {0};

    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, "* FLAGS ");
    write_keywords(&line, (1u << IMAP_FLAG_NAMES_N) - 1, mailbox->keywords, mailbox->n_keywords);
    build_text(&line, "\r\n");
    conn_write(s->c, build_slice(&line));
}

static const char *const special_uses[] = {"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"};

void imap_write_special_use(struct builder *out, uint32_t bits, const char **space)
{
    for (unsigned i = 0; i < ARRAY_SIZE(special_uses); i++) {
        if (!(bits & 1u << i))
            continue;
        build_text(out, *space);
        build_text(out, special_uses[i]);
        *space = " ";
    }
}

uint32_t imap_special_use_of(struct slice attribute)
{
    for (unsigned i = 0; i < ARRAY_SIZE(special_uses); i++)
        if (slice_eq_nocase(attribute, slice_str(special_uses[i])))
            return 1u << i;
    return 0;
}

void imap_tell_list(struct imap_session *s, const Gw__Mailbox *mailbox, struct slice old_name)
{
    _cleanup_(build_done) struct builder line = {0};
    const char *space = "";

    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, "* LIST (");
    if (mailbox->subscribed) {
        build_text(&line, "\\Subscribed");
        space = " ";
    }
    if (mailbox->nonexistent) {
        build_text(&line, space);
        build_text(&line, "\\NonExistent");
        space = " ";
    }
    imap_write_special_use(&line, mailbox->special_use, &space);
    build_text(&line, ") \"/\" ");
    imap_write_mailbox(&line, rpc_slice(mailbox->name), imap_utf8(s));
    if (old_name.n && s->rev2) {
        build_text(&line, " (\"OLDNAME\" (");
        imap_write_mailbox(&line, old_name, true);
        build_text(&line, "))");
    }
    build_text(&line, "\r\n");
    conn_write(s->c, build_slice(&line));
}
