/* A parsed message, printed. `a` takes what is made on the way. Less than 0: could not write. */
#pragma once

#include <stdio.h>

#include "mail/message.h"

/* For people: the author and what else one looks for, the tree of parts, the faults. Foreign text
 * comes without control characters, so that it does nothing to a terminal. */
int message_print_tree(struct arena *a, const struct mail_message *m, FILE *to);
/* For programs: one object, described in godwit(1). */
int message_print_json(struct arena *a, const struct mail_message *m, FILE *to);
