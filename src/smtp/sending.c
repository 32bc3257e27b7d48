/* Sending limits: the store counts, and says when it is too much. */
#include "smtp/session_private.h"

#define CALL_OCTETS (48u * 1024) /* of addresses in one call, which has to fit into a record */
#define CALL_OVERHEAD 8u         /* octets that an address takes beside itself, at most */

/* Asks for recipients from number `first` on; *n_out: for how many. */
static int count_some(struct smtp_session *s, size_t first, size_t *n_out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SendCount body = GW__SEND_COUNT__INIT;
    size_t left = s->tx.recipients_n - first, octets = 0;
    const Gw__Response *response;

    body.recipients = ARENA_ARRAY(conn_arena(s->conn), left, ProtobufCBinaryData);
    if (!body.recipients)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (body.n_recipients < left && octets < CALL_OCTETS) {
        struct slice address = s->tx.recipients[first + body.n_recipients].path.address;

        body.recipients[body.n_recipients++] = rpc_bytes(address);
        octets += address.n + CALL_OVERHEAD;
    }
    *n_out = body.n_recipients;
    request.call_case = GW__REQUEST__CALL_SEND_COUNT;
    request.send_count = &body;
    request.session = s->store_session;
    request.cid = conn_id(s->conn);
    return edge_call(s->listener->edge, s->conn, &request, NULL, 0, &response, NULL, err);
}

struct smtp_reply smtp_sending_count(struct smtp_session *s)
{
    struct err err;
    size_t n = 0;

    for (size_t first = 0; first < s->tx.recipients_n; first += n) {
        int rc = count_some(s, first, &n, &err);

        if (rc == 0)
            continue;
        smtp_log_failure(s, "count recipients", &err);
        if (rc == -ERR_QUOTA)
            return (struct smtp_reply){451, "4.7.1",
                                       arena_copy(conn_arena(s->conn), slice_str(err.text))};
        return smtp_reply_of_err(&err);
    }
    return (struct smtp_reply){0};
}
