/* Octets are looked at in blocks of fixed size, which lets the compiler use vector instructions;
 * only blocks in which something is odd are looked at one by one. */
#include "mail/message_private.h"

#define BLOCK 64

/* Whether the octet behind `before` is odd: a bare CR before it, a bare LF, a NUL. */
static bool is_odd(uint8_t before, uint8_t c)
{
    return ((before == '\r') != (c == '\n')) || c == 0;
}

static void note(struct faults *f, uint8_t before, uint8_t c, uint64_t at)
{
    if (before == '\r' && c != '\n')
        faults_add(f, MAIL_FAULT_BARE_CR, at - 1);
    if (before != '\r' && c == '\n')
        faults_add(f, MAIL_FAULT_BARE_LF, at);
    if (c == 0)
        faults_add(f, MAIL_FAULT_NUL, at);
}

/* Octets from `from` up to `to`, each with the one before it. */
static void scan_slowly(const struct octet_scan *s, struct slice in, size_t from, size_t to,
                        struct faults *f)
{
    for (size_t i = from; i < to; i++) {
        uint8_t before = i ? in.p[i - 1] : s->last;

        if (is_odd(before, in.p[i]))
            note(f, before, in.p[i], s->at + i);
    }
}

void octet_scan_feed(struct octet_scan *s, struct slice in, struct faults *f)
{
    uint8_t high = in.n ? in.p[0] : 0;
    size_t i = 1;

    if (in.n == 0)
        return;
    scan_slowly(s, in, 0, 1, f);
    for (; i + BLOCK <= in.n; i += BLOCK) {
        uint8_t odd = 0, all = 0;

        for (size_t j = 0; j < BLOCK; j++) {
            uint8_t before = in.p[i + j - 1], c = in.p[i + j];

            odd |= (uint8_t)((before == '\r') ^ (c == '\n')) | (uint8_t)(c == 0);
            all |= c;
        }
        high |= all;
        if (odd)
            scan_slowly(s, in, i, i + BLOCK, f);
    }
    scan_slowly(s, in, i, in.n, f);
    s->has_8bit = s->has_8bit || high >= 0x80 || mail_has_8bit(slice_from(in, i));
    s->at += in.n;
    s->last = in.p[in.n - 1];
}

void octet_scan_finish(const struct octet_scan *s, struct faults *f)
{
    if (s->last == '\r')
        faults_add(f, MAIL_FAULT_BARE_CR, s->at - 1);
}
