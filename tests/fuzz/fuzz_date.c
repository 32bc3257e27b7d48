/* fuzz: dep_mail
 * A date that was read can be written and read again. */
#include <stdlib.h>

#include "mail/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mail_date d, again;
    struct builder b;

    if (!mail_date_parse(slice_of(data, size), &d))
        return 0;
    build_init(&b, 100);
    mail_date_append(&b, d.unix_s, d.zone_minutes, true);
    if (!build_ok(&b) || !mail_date_parse(build_slice(&b), &again))
        abort();
    if (d.unix_s != again.unix_s || d.zone_minutes != again.zone_minutes)
        abort();
    build_done(&b);
    return 0;
}
