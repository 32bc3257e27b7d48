/* The edge's side of the keys process: signatures over channels, as many as there are threads, so
 * that none waits for another. */
#pragma once

#include "base/env.h"
#include "net/tls_provider.h"

struct edge_signer;

/* channels: how many are used at the same time. NULL: out of memory. */
struct edge_signer *edge_signer_new(const struct env *env, unsigned channels);
void edge_signer_free(struct edge_signer *s); /* while nobody signs */

/* For tls_certificate_new; lives as long as s. Waits a moment for a keys process that is being
 * restarted; the handshake fails then with internal_error (80), as with every other failure. */
const struct tls_signer *edge_signer_tls(struct edge_signer *s);

/* New channels take the place of the old ones; the descriptors become ours. */
void edge_signer_set(struct edge_signer *s, const int *fds, size_t n);

/* `lost` is called from any thread, at most once a second, when there are no channels: it is to
 * bring about edge_signer_set. Set before the threads start. */
void edge_signer_on_loss(struct edge_signer *s, void (*lost)(void *owner), void *owner);
