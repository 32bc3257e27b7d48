#include "keys/handshake_octets.h"

#include "base/cursor.h"
#include "base/num.h"

#define PREFIX_OCTETS 64u /* spaces, or the two randoms */
#define CURVE_NAMED 3u
#define POINT_UNCOMPRESSED 4u

/* RFC 8422 5.1.1, RFC 7748: groups and the octets of a public point. */
static const struct group {
    uint16_t number;
    uint8_t octets;
    bool uncompressed; /* begins with 4 */
} groups[] = {
    {23, 65, true}, {24, 97, true}, {25, 133, true}, {29, 32, false}, {30, 56, false},
};

static int refuse(struct err *err, const char *rule)
{
    return err_set(err, ERR_DENIED, "not signed: %s", rule);
}

static bool is_spaces(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (slice_at(s, i) != ' ')
            return false;
    return true;
}

/* RFC 8446 4.2.3: RSASSA-PKCS1-v1_5 is for certificates only. */
static bool is_pkcs1(uint16_t scheme)
{
    return (scheme & 0xff) == 1 && scheme >> 8 <= 6;
}

static int check_certificate_verify(struct slice octets, uint16_t scheme, struct err *err)
{
    static const struct slice context = SLICE_INIT("TLS 1.3, server CertificateVerify\0");
    struct slice rest = slice_from(octets, PREFIX_OCTETS);
    size_t hash = rest.n > context.n ? rest.n - context.n : 0;

    if (!is_spaces(slice_sub(octets, 0, PREFIX_OCTETS)) || !slice_starts(rest, context))
        return refuse(err, "neither CertificateVerify nor ServerKeyExchange of a server");
    if (hash != 32 && hash != 48)
        return refuse(err, "length of the hash in CertificateVerify");
    if (is_pkcs1(scheme))
        return refuse(err, "RSA of PKCS #1 v1.5 in TLS 1.3");
    return 0;
}

static int check_key_exchange(struct slice params, struct err *err)
{
    if (params.n < 4)
        return refuse(err, "ServerKeyExchange is cut off");
    uint16_t number = (uint16_t)(slice_at(params, 1) << 8 | slice_at(params, 2));
    struct slice point = slice_from(params, 4);

    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        if (groups[i].number != number)
            continue;
        if (slice_at(params, 3) != groups[i].octets || point.n != groups[i].octets)
            return refuse(err, "length of the point in ServerKeyExchange");
        if (groups[i].uncompressed && slice_at(point, 0) != POINT_UNCOMPRESSED)
            return refuse(err, "form of the point in ServerKeyExchange");
        return 0;
    }
    return refuse(err, "group in ServerKeyExchange");
}

int handshake_octets_check(struct slice octets, uint16_t scheme, struct err *err)
{
    if (slice_at(octets, PREFIX_OCTETS) == CURVE_NAMED)
        return check_key_exchange(slice_from(octets, PREFIX_OCTETS), err);
    return check_certificate_verify(octets, scheme, err);
}
