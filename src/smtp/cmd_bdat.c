/* BDAT (RFC 3030 2): the next octets of the content, counted.
 *
 * Once the size is read, so many octets are taken, whatever else is wrong: what is content for the
 * client must never be run as commands. When the size cannot be read, or is more than would be
 * taken, there is no telling where commands go on, and the connection is closed. */
#include "base/ascii.h"
#include "base/num.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

#define DIGITS_MAX 20

/* " 123" or " 123 LAST". */
static bool parse(struct smtp_session *s, struct slice args, struct smtp_chunk *out)
{
    struct cursor c = cur_init(args);

    cur_byte(&c, ' ', "space and a size");
    struct slice digits = cur_span(&c, ascii_is_digit, 1, "size");

    out->last = cur_eat_nocase(&c, SLICE(" LAST"));
    smtp_args_end(&c, smtp_trailing_space(s));
    return cur_ok(&c) && digits.n <= DIGITS_MAX && num_parse(digits, UINT64_MAX, &out->left);
}

static void refuse(struct smtp_chunk *chunk, struct smtp_reply reply)
{
    chunk->refused = true;
    chunk->refusal = reply;
}

/* From here on the content is broken: RFC 3030 2 wants RSET. */
static enum smtp_next fail(struct smtp_session *s, struct smtp_reply reply)
{
    s->tx.failed = true;
    smtp_content_free(s->content);
    s->content = NULL;
    s->bad_commands = 0; /* it is counted as a transaction */
    return smtp_answer(s, &reply);
}

/* All octets of the chunk are here. */
static enum smtp_next end(struct smtp_session *s)
{
    const struct smtp_chunk chunk = s->chunk;

    s->mode = SMTP_MODE_COMMAND;
    smtp_wait_for_command(s);
    if (chunk.refused)
        return smtp_answer(s, &chunk.refusal);
    if (chunk.last)
        return smtp_content_end(s);
    const struct smtp_reply *failure = smtp_content_failure(s);

    if (failure != NULL)
        return fail(s, *failure);
    return smtp_say(s, 250, "2.0.0", "%llu octets", (unsigned long long)chunk.size);
}

enum smtp_next smtp_chunk_input(struct smtp_session *s, struct slice in, size_t *used_out)
{
    struct smtp_chunk *chunk = &s->chunk;
    struct slice octets = slice_sub(in, 0, (size_t)MIN(chunk->left, (uint64_t)in.n));

    *used_out = octets.n;
    chunk->left -= octets.n;
    if (!chunk->refused) {
        /* RFC 3030 3: a binary body has no lines. */
        if (s->tx.body_binary)
            smtp_content_take(s, octets);
        else
            smtp_content_take_lines(s, octets);
        enum smtp_next next = smtp_content_bounds(s);

        if (next != SMTP_HOLD)
            return next;
    }
    return chunk->left > 0 ? SMTP_HOLD : end(s);
}

/* The first chunk starts the content. */
static void prepare(struct smtp_session *s)
{
    struct smtp_reply reply = smtp_content_allowed(s);

    if (reply.code != 0) {
        refuse(&s->chunk, reply);
    } else if (s->content == NULL && !smtp_content_start(s, &reply)) {
        refuse(&s->chunk, reply);
        s->tx.failed = true;
    }
    if (!s->chunk.refused)
        s->tx.chunks = true;
}

enum smtp_next smtp_cmd_bdat(struct smtp_session *s, struct slice args)
{
    struct smtp_chunk chunk = {0};

    if (!parse(s, args, &chunk))
        return smtp_say_and_close(s, 501, "5.5.2", "syntax error: BDAT, size, LAST at the end");
    if (chunk.left / 2 > smtp_settings(s)->message_size_max)
        return smtp_say_and_close(s, 552, "5.3.4", "message is larger than the maximum");
    chunk.size = chunk.left;
    s->chunk = chunk;
    prepare(s);
    s->mode = SMTP_MODE_CHUNK;
    smtp_wait_for_content(s);
    if (s->chunk.left == 0)
        return end(s);
    return SMTP_HOLD;
}
