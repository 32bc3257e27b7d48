/* Output made from the table of keys. */
#pragma once

#include "base/builder.h"

/* A complete commented configuration file, with every key at its fallback or an example; it parses
 * back. */
void describe_template(struct builder *out);
/* The list of sections and keys for godwit.conf(5), in mdoc. */
void describe_mdoc(struct builder *out);
