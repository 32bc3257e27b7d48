#include "supervisor/backoff.h"

#include "base/clock.h"
#include "base/num.h"

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (10 * NS_PER_S)
#define BACKOFF_STABLE_NS (60 * NS_PER_S)

int64_t backoff_next(struct backoff *b, int64_t ran_ns)
{
    if (ran_ns >= BACKOFF_STABLE_NS)
        b->delay_ns = 0;
    int64_t delay_ns = b->delay_ns;

    b->delay_ns = delay_ns == 0 ? BACKOFF_FIRST_NS : MIN(2 * delay_ns, BACKOFF_MAX_NS);
    return delay_ns;
}
