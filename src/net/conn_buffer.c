#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "net/conn_private.h"

/* More than a thread's connections usually hold at the same time; the rest goes back to malloc. */
#define POOL_BLOCKS_MAX 16

struct pool_block {
    struct pool_block *next;
};

_Static_assert(sizeof(struct segment) == CONN_BLOCK, "a segment fills a block");

void *pool_take(struct pool *p)
{
    struct pool_block *b = p->free;

    if (!b)
        return malloc(CONN_BLOCK);
    p->free = b->next;
    p->n--;
    return b;
}

void pool_give(struct pool *p, void *block)
{
    struct pool_block *b = block;

    if (!b)
        return;
    if (p->n >= POOL_BLOCKS_MAX) {
        free(b);
        return;
    }
    b->next = p->free;
    p->free = b;
    p->n++;
}

void pool_done(struct pool *p)
{
    while (p->free)
        free(pool_take(p));
}

struct pool *conn_pool(struct conn *c)
{
    return &c->listener->pools[c->thread];
}

/* ---- input ---- */

static void release_input(struct conn *c)
{
    if (c->in_cap == CONN_BLOCK)
        pool_give(conn_pool(c), c->in);
    else
        free(c->in);
    c->in = NULL;
    c->in_cap = 0;
}

/* From a block to the greatest size at once: whoever sends more than a block's worth of one command
 * is about to send a lot. */
static bool grow_input(struct conn *c)
{
    uint8_t *p = c->in ? malloc(CONN_INPUT_MAX) : pool_take(conn_pool(c));

    if (!p)
        return false;
    if (!c->in) {
        c->in = p;
        c->in_cap = CONN_BLOCK;
        return true;
    }
    memcpy(p, c->in + c->in_at, c->in_n);
    release_input(c);
    c->in = p;
    c->in_at = 0;
    c->in_cap = CONN_INPUT_MAX;
    return true;
}

uint8_t *conn_input_room(struct conn *c, size_t *room_out)
{
    *room_out = 0;
    if (c->in && c->in_at > 0 && c->in_at + c->in_n == c->in_cap) {
        memmove(c->in, c->in + c->in_at, c->in_n);
        c->in_at = 0;
    }
    if (c->in_n == c->in_cap && (c->in_cap >= CONN_INPUT_MAX || !grow_input(c)))
        return NULL;
    *room_out = c->in_cap - c->in_at - c->in_n;
    return c->in + c->in_at + c->in_n;
}

void conn_input_consume(struct conn *c, size_t n)
{
    c->in_at += (uint32_t)n;
    c->in_n -= (uint32_t)n;
    if (c->in_n == 0)
        c->in_at = 0;
}

void conn_input_drop(struct conn *c)
{
    c->in_at = c->in_n = 0;
    c->fresh = false;
    if (c->in)
        release_input(c);
}

/* ---- output ---- */

static struct segment *segment_with_room(struct conn *c)
{
    struct segment *s = c->out_last;

    if (s && s->n < sizeof(s->data))
        return s;
    s = pool_take(conn_pool(c));
    if (!s)
        return NULL;
    s->next = NULL;
    s->at = s->n = 0;
    if (c->out_last)
        c->out_last->next = s;
    else
        c->out_first = s;
    c->out_last = s;
    return s;
}

void conn_output_append(struct conn *c, struct slice in)
{
    if (in.n > CONN_OUTPUT_MAX - MIN(c->out_n, CONN_OUTPUT_MAX))
        c->broken = true;
    while (in.n > 0 && !c->broken) {
        struct segment *s = segment_with_room(c);

        if (!s) {
            c->broken = true;
            return;
        }
        size_t n = MIN(in.n, sizeof(s->data) - s->n);

        memcpy(s->data + s->n, in.p, n);
        s->n += (uint32_t)n;
        c->out_n += n;
        in = slice_from(in, n);
    }
}

void conn_output_consume(struct conn *c, size_t n)
{
    struct segment *s = c->out_first;

    s->at += (uint32_t)n;
    c->out_n -= n;
    if (s->at < s->n)
        return;
    c->out_first = s->next;
    if (!c->out_first)
        c->out_last = NULL;
    pool_give(conn_pool(c), s);
}

void conn_output_drop(struct conn *c)
{
    while (c->out_first)
        conn_output_consume(c, c->out_first->n - c->out_first->at);
}
