/* Acceptance 118 to 120: the grammar of SCRAM's messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "sasl/scram_message.h"

#define R "r=12345678"

static void s119_client_first(void **state)
{
    static const struct {
        const char *name;
        struct slice in;
        int kind;
        const char *user, *authzid, *nonce, *binding;
        enum scram_flag flag;
    } rows[] = {
        {"plain", SLICE_INIT("n,,n=ann," R), 0, "ann", "", "12345678", "", SCRAM_UNBOUND},
        {"118 extensions", SLICE_INIT("n,,n=ann," R ",a=1,b=2"), 0, "ann", "", "12345678", "",
         SCRAM_UNBOUND},
        {"authzid", SLICE_INIT("n,a=b=2Cc,n=ann," R), 0, "ann", "b,c", "12345678", "",
         SCRAM_UNBOUND},
        {"doubts", SLICE_INIT("y,,n=ann," R), 0, "ann", "", "12345678", "", SCRAM_DOUBTS},
        {"bound", SLICE_INIT("p=tls-exporter,,n=ann," R), 0, "ann", "", "12345678", "tls-exporter",
         SCRAM_BOUND},
        {"120 upper case", SLICE_INIT("P=tls-unique,A=z,N=ann,R=12345678"), 0, "ann", "z",
         "12345678", "tls-unique", SCRAM_BOUND},
        {"120 upper case of the flag", SLICE_INIT("N,,n=ann," R), 0, "ann", "", "12345678", "",
         SCRAM_UNBOUND},
        {"escapes", SLICE_INIT("n,,n=a=2Cb=3Dc=3d," R), 0, "a,b=c=", "", "12345678", "",
         SCRAM_UNBOUND},
        {"mandatory", SLICE_INIT("n,,m=x,n=ann," R), ERR_INVALID, 0, 0, 0, 0, 0},
        {"no name", SLICE_INIT("n,,n=," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"bad escape", SLICE_INIT("n,,n==2X," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"cut escape", SLICE_INIT("n,,n=a=2," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"one comma", SLICE_INIT("n,n=ann," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"no comma after the name", SLICE_INIT("n,,n=ann"), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"NUL", SLICE_INIT("n,,n=a\0b," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"not UTF-8", SLICE_INIT("n,,n=\xff," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"nonce of seven", SLICE_INIT("n,,n=ann,r=1234567"), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"space in the nonce", SLICE_INIT("n,,n=ann,r=1234 5678"), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"extension without a value", SLICE_INIT("n,,n=ann," R ",a="), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"extension without a letter", SLICE_INIT("n,,n=ann," R ",1=a"), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"comma at the end", SLICE_INIT("n,,n=ann," R ","), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"binding without a name", SLICE_INIT("p=,,n=ann," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"other flag", SLICE_INIT("z,,n=ann," R), ERR_SYNTAX, 0, 0, 0, 0, 0},
        {"nothing", SLICE_INIT(""), ERR_SYNTAX, 0, 0, 0, 0, 0},
    };
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scram_client_first m = {0};
        int rc = scram_client_first_read(&a, rows[i].in, &m, &err);

        if (rc != -rows[i].kind)
            fail_msg("%s: %d", rows[i].name, rc);
        if (rc < 0)
            continue;
        assert_true(slice_eq(m.user, slice_str(rows[i].user)));
        assert_true(slice_eq(m.authzid, slice_str(rows[i].authzid)));
        assert_true(slice_eq(m.nonce, slice_str(rows[i].nonce)));
        assert_true(slice_eq(m.binding, slice_str(rows[i].binding)));
        assert_int_equal(m.flag, rows[i].flag);
        assert_int_equal(m.gs2.n + m.bare.n, rows[i].in.n);
    }
    arena_done(&a);
}

static void client_final(void **state)
{
    static const struct {
        const char *name, *in;
        int kind;
        const char *without;
    } rows[] = {
        {"plain", "c=biws," R ",p=AAAA", 0, "c=biws," R},
        {"118 two extensions", "c=biws," R ",x=1,y=2,p=AAAA", 0, "c=biws," R ",x=1,y=2"},
        {"upper case", "C=biws,R=12345678,P=AAAA", 0, "C=biws,R=12345678"},
        {"121 garbage", "garbage", ERR_SYNTAX, NULL},
        {"121 only the binding", "c=biws", ERR_SYNTAX, NULL},
        {"121 bad base64 of the proof", "c=biws," R ",p=!!!!", ERR_SYNTAX, NULL},
        {"bad base64 of the binding", "c=biw," R ",p=AAAA", ERR_SYNTAX, NULL},
        {"no proof", "c=biws," R, ERR_SYNTAX, NULL},
        {"empty proof", "c=biws," R ",p=", ERR_SYNTAX, NULL},
        {"something after the proof", "c=biws," R ",p=AAAA,x=1", ERR_SYNTAX, NULL},
    };
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scram_client_final m = {0};
        int rc = scram_client_final_read(&a, slice_str(rows[i].in), &m, &err);

        if (rc != -rows[i].kind)
            fail_msg("%s: %d", rows[i].name, rc);
        if (rc == 0) {
            assert_true(slice_eq(m.without_proof, slice_str(rows[i].without)));
            assert_true(slice_eq(m.binding, SLICE("n,,")));
            assert_int_equal(m.proof.n, 3);
        }
    }
    arena_done(&a);
}

static void server_messages(void **state)
{
    static const struct {
        const char *in;
        int kind;
        uint32_t iterations;
    } rows[] = {
        {R ",s=AAAA,i=4096", 0, 4096},
        {R ",s=AAAA,i=4096,x=1", 0, 4096},
        {R ",s=AAAA,i=2000000000", 0, 2000000000},
        {R ",s=AAAA,i=2000000001", ERR_SYNTAX, 0},
        {R ",s=AAAA,i=0", ERR_SYNTAX, 0},
        {R ",s=AAAA,i=", ERR_SYNTAX, 0},
        {R ",s=A,i=1", ERR_SYNTAX, 0},
        {"m=x," R ",s=AAAA,i=1", ERR_INVALID, 0},
        {"", ERR_SYNTAX, 0},
    };
    struct scram_server_final final;
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scram_server_first m = {0};

        assert_int_equal(scram_server_first_read(&a, slice_str(rows[i].in), &m, &err),
                         -rows[i].kind);
        assert_int_equal(m.iterations, rows[i].iterations);
    }
    assert_int_equal(scram_server_final_read(&a, SLICE("e=invalid-proof"), &final, &err), 0);
    assert_true(slice_eq(final.error, SLICE("invalid-proof")));
    assert_int_equal(scram_server_final_read(&a, SLICE("v=AAAA,x=1"), &final, &err), 0);
    assert_int_equal(final.signature.n, 3);
    assert_int_equal(scram_server_final_read(&a, SLICE("x=AAAA"), &final, &err), -ERR_SYNTAX);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(s119_client_first),
                                       cmocka_unit_test(client_final),
                                       cmocka_unit_test(server_messages)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
