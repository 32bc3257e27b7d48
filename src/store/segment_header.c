/* The header of a record in a segment file, see segment.h. */
#include "store/segment.h"

#define HEADER_MAGIC 0x31425747u /* "GWB1" */

static void put_le(uint8_t *p, uint64_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

/* FNV-1a: finds what a disk breaks, not what a person forges. */
static uint64_t header_check(const uint8_t *p)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (unsigned i = 0; i < 24; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void segment_header_write(uint8_t *p, int64_t body_id, int codec, uint64_t length)
{
    put_le(p, HEADER_MAGIC, 4);
    put_le(p + 4, (uint64_t)codec, 4);
    put_le(p + 8, (uint64_t)body_id, 8);
    put_le(p + 16, length, 8);
    put_le(p + 24, header_check(p), 8);
}

bool segment_header_read(const uint8_t *p, struct segment_record *out)
{
    if (get_le(p, 4) != HEADER_MAGIC || get_le(p + 24, 8) != header_check(p))
        return false;
    out->codec = (int)get_le(p + 4, 4);
    out->body_id = (int64_t)get_le(p + 8, 8);
    out->length = get_le(p + 16, 8);
    return true;
}
