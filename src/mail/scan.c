/* CRs are counted in blocks of fixed size, which lets the compiler use vector instructions. The
 * parser, which sees every line end anyway, counts those with a CR: when there are more CRs than
 * that in a chunk, or a NUL, the chunk is looked at octet by octet. */
#include "base/num.h"
#include "mail/message_private.h"

/* A multiple of vectors; the CRs of a block fit an octet. */
#define BLOCK 240

struct octet_sums {
    size_t crs;
    uint8_t least, all; /* the smallest octet, and all of them or-ed */
};

static void add_octet(struct octet_sums *s, uint8_t c)
{
    s->crs += c == '\r';
    s->least = MIN(s->least, c);
    s->all |= c;
}

static struct octet_sums sum_up(struct slice in)
{
    struct octet_sums sums = {.least = UINT8_MAX};
    size_t i = 0;

    for (; i + BLOCK <= in.n; i += BLOCK) {
        uint8_t crs = 0, least = UINT8_MAX, all = 0;

        for (size_t j = 0; j < BLOCK; j++) {
            uint8_t c = in.p[i + j];

            crs = (uint8_t)(crs + (c == '\r'));
            least = MIN(least, c);
            all |= c;
        }
        sums.crs += crs;
        sums.least = MIN(sums.least, least);
        sums.all |= all;
    }
    for (; i < in.n; i++)
        add_octet(&sums, in.p[i]);
    return sums;
}

static void note_odd(const struct octet_scan *s, struct slice in, struct faults *f)
{
    uint8_t before = s->last;

    for (size_t i = 0; i < in.n; i++) {
        if (before == '\r' && in.p[i] != '\n')
            faults_add(f, MAIL_FAULT_BARE_CR, s->at + i - 1);
        if (in.p[i] == 0)
            faults_add(f, MAIL_FAULT_NUL, s->at + i);
        before = in.p[i];
    }
}

void octet_scan_feed(struct octet_scan *s, struct slice in, uint64_t crlf_n, struct faults *f)
{
    struct octet_sums sums = sum_up(in);

    if (in.n == 0)
        return;
    uint8_t last = in.p[in.n - 1];

    /* CRs behind which an octet is known by now. */
    sums.crs += s->last == '\r';
    sums.crs -= last == '\r';
    if (sums.crs != crlf_n || sums.least == 0)
        note_odd(s, in, f);
    s->has_8bit = s->has_8bit || sums.all >= 0x80;
    s->at += in.n;
    s->last = last;
}

void octet_scan_finish(const struct octet_scan *s, struct faults *f)
{
    if (s->last == '\r')
        faults_add(f, MAIL_FAULT_BARE_CR, s->at - 1);
}
