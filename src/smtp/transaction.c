#include "smtp/transaction.h"

#include "base/num.h"

#define ARENA_MAX                                                                                  \
    (3u * 1024 * 1024) /* 1000 recipients with the longest paths, and the arrays outgrown */

void smtp_transaction_init(struct smtp_transaction *t)
{
    *t = (struct smtp_transaction){0};
    arena_init(&t->arena, ARENA_MAX);
}

void smtp_transaction_done(struct smtp_transaction *t)
{
    arena_done(&t->arena);
}

void smtp_transaction_reset(struct smtp_transaction *t)
{
    smtp_transaction_done(t);
    smtp_transaction_init(t);
}

struct smtp_recipient *smtp_transaction_add(struct smtp_transaction *t)
{
    if (t->recipients_n == t->recipients_cap) {
        size_t cap = MAX(2 * t->recipients_cap, 4);
        struct smtp_recipient *v = ARENA_ARRAY(&t->arena, cap, struct smtp_recipient);

        if (v == NULL)
            return NULL;
        if (t->recipients_n > 0)
            memcpy(v, t->recipients, t->recipients_n * sizeof(*v));
        t->recipients = v;
        t->recipients_cap = cap;
    }
    return &t->recipients[t->recipients_n++];
}
