#include "sasl/mechanism.h"

#include <stddef.h>

#define NAME(upper, lower) .name = SLICE_INIT(upper), .label = SLICE_INIT(lower)

const struct sasl_mechanism sasl_mechanisms[SASL_MECHANISMS] = {
    {NAME("EXTERNAL", "external"), .kind = SASL_EXTERNAL, .needs_tls = true},
    {NAME("SCRAM-SHA-256-PLUS", "scram-sha-256-plus"), .kind = SASL_SCRAM, .hash = SASL_SHA256,
     .plus = true, .needs_tls = true},
    {NAME("SCRAM-SHA-256", "scram-sha-256"), .kind = SASL_SCRAM, .hash = SASL_SHA256},
    {NAME("SCRAM-SHA-1-PLUS", "scram-sha-1-plus"), .kind = SASL_SCRAM, .hash = SASL_SHA1,
     .plus = true, .needs_tls = true},
    {NAME("SCRAM-SHA-1", "scram-sha-1"), .kind = SASL_SCRAM, .hash = SASL_SHA1},
    {NAME("CRAM-MD5", "cram-md5"), .kind = SASL_CRAM_MD5},
    {NAME("PLAIN", "plain"), .kind = SASL_PLAIN, .reveals = true},
    {NAME("LOGIN", "login"), .kind = SASL_LOGIN, .reveals = true},
};

const struct sasl_mechanism *sasl_find(struct slice name)
{
    for (size_t i = 0; i < SASL_MECHANISMS; i++) {
        if (slice_eq_nocase(name, sasl_mechanisms[i].name))
            return &sasl_mechanisms[i];
    }
    return NULL;
}
