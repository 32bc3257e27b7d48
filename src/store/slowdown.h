/* Many addresses that guess at one account: failures per account, which slow down the answers to
 * everybody whom the account does not know yet. Nobody is locked out. Any thread may call.
 *
 * Keys are hashes of accounts, or of names that no account has, so that both look the same. */
#pragma once

#include <stdint.h>

struct slowdown;

#define SLOWDOWN_FREE 20 /* failures within about ten minutes cost nothing */
#define SLOWDOWN_MAX_S 15

struct slowdown *slowdown_new(void); /* NULL: out of memory */
void slowdown_free(struct slowdown *s);

/* now_s: of any clock that only goes forward. */
void slowdown_failed(struct slowdown *s, uint64_t key, int64_t now_s);
/* How long an answer is to be held back; 0 to SLOWDOWN_MAX_S. */
uint32_t slowdown_delay_s(struct slowdown *s, uint64_t key, int64_t now_s);
