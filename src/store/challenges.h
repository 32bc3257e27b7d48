/* Random texts that clients have to answer with CRAM-MD5 and SCRAM. Each is good once, for the
 * process that asked and the user it was made for, and for some minutes; so an answer that somebody
 * has seen is worth nothing. Any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct challenges;

#define CHALLENGE_CHARS 24 /* of base64, 144 bits */

struct challenges *challenges_new(void); /* NULL: out of memory */
void challenges_free(struct challenges *c);

/* subject: mechanism and user. The handle. */
uint64_t challenges_make(struct challenges *c, uint32_t group, struct slice subject,
                         char text_out[CHALLENGE_CHARS + 1]);
/* Takes it back; false: there is no such challenge for this group and subject (any more). */
bool challenges_take(struct challenges *c, uint32_t group, uint64_t handle, struct slice subject,
                     char text_out[CHALLENGE_CHARS + 1]);
