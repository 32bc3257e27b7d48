/* fuzz: dep_imap */
/* A whole session, logged in and with a mailbox selected, over a store in memory. */
#include "../unit/imap/fake_edge.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, /* plain= */ true);

    /* The first octet says how far the session is when the input comes. */
    if (size && data[0] != '0')
        fake_conn_say(c, SLICE("a LOGIN user@localhost secret\r\nb APPEND inbox {19+}\r\n"
                               "Subject: x\r\n\r\ntext\n\r\nc SELECT inbox\r\n"));
    fake_conn_say(c, slice_from(slice_of(data, size), 1));
    if (!c->closed)
        fake_conn_wake(c, EDGE_WAKE_CHANGES);
    fake_conn_free(c);
    fake_store_free(store);
    return 0;
}
