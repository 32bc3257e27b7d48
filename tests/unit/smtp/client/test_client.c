/* Whole sessions with a server that plays a script: rows C1 to C25 and C33 to C36 of outbound 26.5,
 * outbound 28.6, faults 11 and 13. */
#include "../unit.h"

#include <openssl/evp.h>

#include "base/clock.h"
#include "net/tls_connect.h"
#include "script.h"
#include "smtp/client/client.h"

#define HELLO "S 220 mx.example ESMTP ready", "C EHLO client.example"
#define PLAIN_HELLO HELLO, "S 250-mx.example", "S 250 ENHANCEDSTATUSCODES"
#define PIPE_HELLO HELLO, "S 250-mx.example", "S 250-ENHANCEDSTATUSCODES", "S 250 PIPELINING"
#define MAIL "C MAIL FROM:<from@example.org>"
#define R1 "C RCPT TO:<a@example.com>"
#define R2 "C RCPT TO:<b@example.com>"
#define R3 "C RCPT TO:<c@example.net>"
#define CONTENT "C Subject: x", "C ", "C ..hi", "."
#define QUIT "C QUIT", "S 221 bye"

enum want_tls { TLS_NO, TLS_ANY, TLS_NAME };

struct row {
    const char *name;
    const char *steps[64];
    size_t recipients;
    struct {
        enum smtpc_state state;
        unsigned code;
        const char *ecode;
    } want[3];
    enum smtpc_reason reason; /* of the first */
    enum want_tls tls;
    bool login, key, eightbit, strict, utf8, require_tls, chunks, binary, dsn, twice, fails_before;
    const char *from, *first; /* other addresses */
};

static const struct row rows[] = {
    {"C7 three, not pipelined",
     {PLAIN_HELLO, MAIL, "S 250 2.1.0 ok", R1, "S 250 2.1.5 a", R2, "S 251 2.1.5 b", R3,
      "S 252 2.1.5 c", "C DATA", "S 354 go", CONTENT, "S 250 2.0.0 taken", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, "1.5"}, {SMTPC_TAKEN, 251, "1.5"}, {SMTPC_TAKEN, 252, "1.5"}}},
    {"C7 three, pipelined",
     {PIPE_HELLO, MAIL, R1, R2, R3, "C DATA", "S 250 ok", "S 250 a", "S 250 b", "S 250 c",
      "S 354 go", CONTENT, "S 250 taken", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}}},
    {"C8 250 554 452, not pipelined: the last once more",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", R2, "S 554 5.1.1 no", R3, "S 452 4.5.3 many",
      "C DATA", "S 354 go", CONTENT, "S 250 taken", MAIL, "S 250 ok", R3, "S 452 4.5.3 many", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""},
              {SMTPC_PERMANENT, 554, "1.1"},
              {SMTPC_TEMPORARY, 452, "5.3"}}},
    {"C8 250 554 552, pipelined: the last once more",
     {PIPE_HELLO,
      MAIL,
      R1,
      R2,
      R3,
      "C DATA",
      "S 250 ok",
      "S 250 ok",
      "S 554 5.1.1 no",
      "S 552 5.5.3 many",
      "S 354 go",
      CONTENT,
      "S 250 taken",
      MAIL,
      R3,
      "C DATA",
      "S 250 ok",
      "S 250 ok",
      "S 354 go",
      CONTENT,
      "S 250 taken",
      QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_PERMANENT, 554, "1.1"}, {SMTPC_TAKEN, 250, ""}}},
    {"C8 452 for the second ends RCPT, not pipelined",
     {PLAIN_HELLO, MAIL,     "S 250 ok",    R1,      "S 250 ok",    R2,  "S 452 many", "C DATA",
      "S 354 go",  CONTENT,  "S 250 taken", MAIL,    "S 250 ok",    R2,  "S 250 ok",   R3,
      "S 250 ok",  "C DATA", "S 354 go",    CONTENT, "S 250 taken", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}}},
    {"C9 452 for the only one, pipelined",
     {PIPE_HELLO, MAIL, R1, "C DATA", "S 250 ok", "S 452 full", "S 554 no recipients", QUIT},
     .recipients = 1,
     .want = {{SMTPC_TEMPORARY, 452, ""}}},
    {"C12 bogus greeting",
     {"S bogus"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"C12 greeting of four digits",
     {"S 2200 mx.example"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"C13 closed at the greeting",
     {"Z"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"C14 greeting 521",
     {"S 521 no mail here"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_PERMANENT, 521, ""}}},
    {"greeting 421",
     {"S 421 later"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 421, ""}}},
    {"C15 codes differ",
     {HELLO, "S 250-mx.example", "S 500 what"},
     .recipients = 1,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"C16 MAIL 550",
     {PLAIN_HELLO, MAIL, "S 550 5.7.0 no", QUIT},
     .recipients = 2,
     .want = {{SMTPC_PERMANENT, 550, "7.0"}, {SMTPC_PERMANENT, 550, "7.0"}}},
    {"C16 MAIL 451",
     {PLAIN_HELLO, MAIL, "S 451 later", QUIT},
     .recipients = 1,
     .want = {{SMTPC_TEMPORARY, 451, ""}}},
    {"C17 RCPT just 451",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 451", QUIT},
     .recipients = 1,
     .want = {{SMTPC_TEMPORARY, 451, ""}}},
    {"C18 DATA 550",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", "C DATA", "S 550 5.6.0 no", QUIT},
     .recipients = 1,
     .want = {{SMTPC_PERMANENT, 550, "6.0"}}},
    {"C18 the final dot 550",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", "C DATA", "S 354 go", CONTENT,
      "S 550 5.7.1 spam", QUIT},
     .recipients = 1,
     .want = {{SMTPC_PERMANENT, 550, "7.1"}}},
    {"C19 STARTTLS not announced",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CERTIFICATE},
    {"C19 STARTTLS answered 502",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 502 no", QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 502, ""}},
     .reason = SMTPC_BY_CERTIFICATE},
    {"C20 STARTTLS not wanted",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", MAIL, "S 250 ok", R1, "S 250 ok", "C DATA",
      "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"C21 second message after a failure",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 451 later", "C RSET", "S 250 ok", MAIL, "S 250 ok", R1,
      "S 250 ok", "C DATA", "S 550 no", QUIT},
     .recipients = 1,
     .twice = true,
     .want = {{SMTPC_PERMANENT, 550, ""}}},
    {"C22 pipelined, MAIL 550 and closed",
     {PIPE_HELLO, MAIL, "S 550 no", "Z"},
     .recipients = 1,
     .want = {{SMTPC_PERMANENT, 550, ""}}},
    {"C23 pipelined, RCPT 554 and closed",
     {PIPE_HELLO, MAIL, "S 250 ok", "S 554 5.7.0 no", "Z"},
     .recipients = 1,
     .want = {{SMTPC_PERMANENT, 554, "7.0"}}},
    {"C24 two refused, not pipelined",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 451 a", R2, "S 451 b", QUIT},
     .recipients = 2,
     .want = {{SMTPC_TEMPORARY, 451, ""}, {SMTPC_TEMPORARY, 451, ""}}},
    {"C25 two refused, pipelined, DATA 354",
     {PIPE_HELLO, MAIL, R1, R2, "C DATA", "S 250 ok", "S 451 a", "S 451 b", "S 354 go", "C .",
      "S 503 nobody", QUIT},
     .recipients = 2,
     .want = {{SMTPC_TEMPORARY, 451, ""}, {SMTPC_TEMPORARY, 451, ""}}},
    {"C33 each by its own reply",
     {PIPE_HELLO, MAIL, R1, R2, "C DATA", "S 250 ok", "S 550 5.1.1 no", "S 451 4.2.1 later",
      "S 503 nobody", QUIT},
     .recipients = 2,
     .want = {{SMTPC_PERMANENT, 550, "1.1"}, {SMTPC_TEMPORARY, 451, "2.1"}}},
    {"C34 taken, refused, later",
     {PIPE_HELLO, MAIL, R1, R2, R3, "C DATA", "S 250 ok", "S 250 ok", "S 550 5.1.1 no",
      "S 451 4.2.1 later", "S 354 go", CONTENT, "S 250 taken", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""},
              {SMTPC_PERMANENT, 550, "1.1"},
              {SMTPC_TEMPORARY, 451, "2.1"}}},
    {"lost before the final reply",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", R2, "S 550 no", "C DATA", "S 354 go", CONTENT,
      "Z"},
     .recipients = 2,
     .want = {{SMTPC_TEMPORARY, 0, ""}, {SMTPC_PERMANENT, 550, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"421 in the middle",
     {PIPE_HELLO, MAIL, R1, R2, R3, "C DATA", "S 250 ok", "S 550 no", "S 421 4.3.2 going down",
      "Z"},
     .recipients = 3,
     .want = {{SMTPC_PERMANENT, 550, ""},
              {SMTPC_TEMPORARY, 421, "3.2"},
              {SMTPC_TEMPORARY, 421, "3.2"}}},
    {"SIZE and 8BITMIME",
     {HELLO, "S 250-mx.example", "S 250-SIZE", "S 250 8BITMIME",
      "C MAIL FROM:<from@example.org> SIZE=19 BODY=8BITMIME", "S 250 ok", R1, "S 250 ok", "C DATA",
      "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .eightbit = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"C6 SIZE one too small",
     {HELLO, "S 250-mx.example", "S 250 SIZE 18", QUIT},
     .recipients = 1,
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_BY_SIZE},
    {"C3 8BITMIME not offered, strict",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .eightbit = true,
     .strict = true,
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_NO_8BITMIME},
    {"C3 8BITMIME not offered",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok",
      QUIT},
     .recipients = 1,
     .eightbit = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"C4 SMTPUTF8 not offered",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .utf8 = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_NO_SMTPUTF8},
    {"C4 REQUIRETLS not offered",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .require_tls = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_NO_REQUIRETLS},
    {"SMTPUTF8 for one recipient only",
     {PLAIN_HELLO, MAIL, "S 250 ok", R2, "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok",
      QUIT},
     .recipients = 2,
     .first = "gr\xc3\xbc\xc3\x9f@example.com",
     .want = {{SMTPC_TEMPORARY, 0, ""}, {SMTPC_TAKEN, 250, ""}},
     .reason = SMTPC_NO_SMTPUTF8},
    {"SMTPUTF8 offered",
     {HELLO, "S 250-mx.example", "S 250 SMTPUTF8", "C MAIL FROM:<from@example.org> SMTPUTF8",
      "S 250 ok", "C RCPT TO:<gr\xc3\xbc\xc3\x9f@b\xc3\xbc.example>", "S 250 ok", "C DATA",
      "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .first = "gr\xc3\xbc\xc3\x9f@b\xc3\xbc.example",
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"a domain in UTF-8 without SMTPUTF8",
     {PLAIN_HELLO, MAIL, "S 250 ok", "C RCPT TO:<a@xn--b-0ga.example>", "S 250 ok", "C DATA",
      "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .first = "a@\xc3\xb6"
              "b.example",
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"a quoted localpart and an address literal",
     {PLAIN_HELLO, MAIL, "S 250 ok", "C RCPT TO:<\"a \\\"b\"@[192.0.2.1]>", "S 250 ok", "C DATA",
      "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .first = "a \"b@[192.0.2.1]",
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"an address with a line end",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .first = "a\r\nDATA@example.com",
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_BY_CONTENT},
    {"a domain with a line end",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .first = "a@example.com>\r\nDATA",
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_BY_CONTENT},
    {"a sender with a line end",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .from = "a\r\n@example.com",
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_BY_CONTENT},
    {"the null sender",
     {PLAIN_HELLO, "C MAIL FROM:<>", "S 250 ok", R1, "S 250 ok", "C DATA", "S 354 go", CONTENT,
      "S 250 ok", QUIT},
     .recipients = 1,
     .from = "",
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"BDAT",
     {HELLO, "S 250-mx.example", "S 250 CHUNKING", MAIL, "S 250 ok", R1, "S 250 ok",
      "C BDAT 19 LAST", "C Subject: x", "C ", "C .hi", "S 250 ok", QUIT},
     .recipients = 1,
     .chunks = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"BDAT refused",
     {HELLO, "S 250-mx.example", "S 250 CHUNKING", MAIL, "S 250 ok", R1, "S 250 ok",
      "C BDAT 19 LAST", "C Subject: x", "C ", "C .hi", "S 452 full", QUIT},
     .recipients = 1,
     .chunks = true,
     .want = {{SMTPC_TEMPORARY, 452, ""}}},
    {"BINARYMIME",
     {HELLO, "S 250-mx.example", "S 250-BINARYMIME", "S 250 CHUNKING",
      "C MAIL FROM:<from@example.org> BODY=BINARYMIME", "S 250 ok", R1, "S 250 ok",
      "C BDAT 19 LAST", "C Subject: x", "C ", "C .hi", "S 250 ok", QUIT},
     .recipients = 1,
     .binary = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"BINARYMIME not offered",
     {PLAIN_HELLO, QUIT},
     .recipients = 1,
     .binary = true,
     .want = {{SMTPC_PERMANENT, 0, ""}},
     .reason = SMTPC_NO_BINARYMIME},
    {"DSN not announced",
     {PLAIN_HELLO, MAIL, "S 250 ok", R1, "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok",
      QUIT},
     .recipients = 1,
     .dsn = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"DSN",
     {HELLO, "S 250-mx.example", "S 250 DSN",
      "C MAIL FROM:<from@example.org> RET=HDRS ENVID=QQ+2B1", "S 250 ok",
      "C RCPT TO:<a@example.com> NOTIFY=NEVER ORCPT=rfc822;x@example.com", "S 250 ok",
      "C RCPT TO:<b@example.com> ORCPT=rfc822;b@example.com", "S 250 ok", "C DATA", "S 354 go",
      CONTENT, "S 250 ok", QUIT},
     .recipients = 2,
     .dsn = true,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}}},
    {"DSN refused for MAIL",
     {HELLO, "S 250-mx.example", "S 250 DSN",
      "C MAIL FROM:<from@example.org> RET=HDRS ENVID=QQ+2B1", "S 555 what", "C RSET", "S 250 ok",
      MAIL, "S 250 ok", R1, "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .dsn = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"DSN refused for RCPT",
     {HELLO, "S 250-mx.example", "S 250 DSN",
      "C MAIL FROM:<from@example.org> RET=HDRS ENVID=QQ+2B1", "S 250 ok", "C RCPT TO:*",
      "S 501 what", "C RSET", "S 250 ok", MAIL, "S 250 ok", R1, "S 501 what", QUIT},
     .recipients = 1,
     .dsn = true,
     .want = {{SMTPC_PERMANENT, 501, ""}}},
    {"RCPTMAX",
     {HELLO,
      "S 250-mx.example",
      "S 250 LIMITS RCPTMAX=2",
      MAIL,
      "S 250 ok",
      R1,
      "S 250 a",
      R2,
      "S 250 b",
      "C DATA",
      "S 354 go",
      CONTENT,
      "S 250 ok",
      MAIL,
      "S 250 ok",
      R3,
      "S 250 c",
      "C DATA",
      "S 354 go",
      CONTENT,
      "S 250 ok",
      QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}}},
    {"RCPTDOMAINMAX",
     {HELLO,
      "S 250-mx.example",
      "S 250 LIMITS RCPTDOMAINMAX=1",
      MAIL,
      "S 250 ok",
      R1,
      "S 250 a",
      R2,
      "S 250 b",
      "C DATA",
      "S 354 go",
      CONTENT,
      "S 250 ok",
      MAIL,
      "S 250 ok",
      R3,
      "S 250 c",
      "C DATA",
      "S 354 go",
      CONTENT,
      "S 250 ok",
      QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}}},
    {"MAILMAX",
     {HELLO, "S 250-mx.example", "S 250 LIMITS RCPTMAX=2 MAILMAX=1", MAIL, "S 250 ok", R1,
      "S 250 a", R2, "S 250 b", "C DATA", "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 3,
     .want = {{SMTPC_TAKEN, 250, ""}, {SMTPC_TAKEN, 250, ""}, {SMTPC_NOT_TRIED, 0, ""}}},
    {"TLS, and what was offered before does not count",
     {HELLO, "S 250-mx.example", "S 250-STARTTLS", "S 250-SIZE", "S 250 PIPELINING", "C STARTTLS",
      "S 220 go", "T", "C EHLO client.example", "S 250 mx.example", MAIL, "S 250 ok", R1,
      "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"C2 REQUIRETLS under TLS",
     {HELLO,
      "S 250-mx.example",
      "S 250 STARTTLS",
      "C STARTTLS",
      "S 220 go",
      "T",
      "C EHLO client.example",
      "S 250-mx.example",
      "S 250-SMTPUTF8",
      "S 250-8BITMIME",
      "S 250 REQUIRETLS",
      "C MAIL FROM:<from@example.org> BODY=8BITMIME SMTPUTF8 REQUIRETLS",
      "S 250 ok",
      R1,
      "S 250 ok",
      "C DATA",
      "S 354 go",
      CONTENT,
      "S 250 ok",
      QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .require_tls = true,
     .utf8 = true,
     .eightbit = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"C5 C11 an unknown certificate",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 220 go", "T"},
     .recipients = 1,
     .tls = TLS_NAME,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CERTIFICATE},
    {"EHLO refused under TLS",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 220 go", "T",
      "C EHLO client.example", "S 502 what", QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .fails_before = true,
     .want = {{SMTPC_PERMANENT, 502, ""}}},
    {"fault 11 a reply behind the 220",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "s 220 go\r\n250 injected\r\n"},
     .recipients = 1,
     .tls = TLS_ANY,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CERTIFICATE},
    {"fault 11 an octet behind the 220",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "s 220 go\r\n2"},
     .recipients = 1,
     .tls = TLS_ANY,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CERTIFICATE},
    {"fault 13 a million lines",
     {PLAIN_HELLO, MAIL, "N 1000000 250-and another line"},
     .recipients = 1,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"fault 13 a line without end",
     {PLAIN_HELLO, MAIL, "s 250 o", "n 1000000 and on "},
     .recipients = 1,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"no mechanism in common",
     {HELLO, "S 250-mx.example", "S 250 AUTH X-OWN PLAIN", QUIT},
     .recipients = 1,
     .login = true,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_NO_MECHANISM},
    {"CRAM-MD5",
     {HELLO, "S 250-mx.example", "S 250 AUTH PLAIN CRAM-MD5", "C AUTH CRAM-MD5",
      "S 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
      "C dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "S 235 ok", MAIL, "S 250 ok", R1,
      "S 250 ok", "C DATA", "S 354 go", CONTENT, "S 250 ok", QUIT},
     .recipients = 1,
     .login = true,
     .want = {{SMTPC_TAKEN, 250, ""}}},
    {"wrong password",
     {HELLO, "S 250-mx.example", "S 250 AUTH CRAM-MD5", "C AUTH CRAM-MD5",
      "S 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+", "C dGlt*", "S 535 5.7.8 no",
      QUIT},
     .recipients = 1,
     .login = true,
     .fails_before = true,
     .want = {{SMTPC_PERMANENT, 535, ""}}},
    {"challenge that is not base64",
     {HELLO, "S 250-mx.example", "S 250 AUTH CRAM-MD5", "C AUTH CRAM-MD5", "S 334 !!!!", "C *",
      "S 501 cancelled", QUIT},
     .recipients = 1,
     .login = true,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"SCRAM and a yes without proof",
     {HELLO, "S 250-mx.example", "S 250 AUTH SCRAM-SHA-256", "C AUTH SCRAM-SHA-256 *",
      "S 235 welcome"},
     .recipients = 1,
     .login = true,
     .fails_before = true,
     .want = {{SMTPC_TEMPORARY, 0, ""}},
     .reason = SMTPC_BY_CONNECTION},
    {"EXTERNAL with a key of ours",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 220 go", "T",
      "C EHLO client.example", "S 250-mx.example", "S 250 AUTH EXTERNAL SCRAM-SHA-256 PLAIN",
      "C AUTH EXTERNAL =", "S 235 ok", MAIL, "S 250 ok", R1, "S 550 no", QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .login = true,
     .key = true,
     .want = {{SMTPC_PERMANENT, 550, ""}}},
    {"a key, but the server has no EXTERNAL",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 220 go", "T",
      "C EHLO client.example", "S 250-mx.example", "S 250 AUTH PLAIN",
      "C AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "S 235 ok", MAIL, "S 250 ok", R1, "S 550 no",
      QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .login = true,
     .key = true,
     .want = {{SMTPC_PERMANENT, 550, ""}}},
    {"PLAIN under TLS",
     {HELLO, "S 250-mx.example", "S 250 STARTTLS", "C STARTTLS", "S 220 go", "T",
      "C EHLO client.example", "S 250-mx.example", "S 250 AUTH LOGIN PLAIN",
      "C AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "S 235 ok", MAIL, "S 250 ok", R1, "S 550 no",
      QUIT},
     .recipients = 1,
     .tls = TLS_ANY,
     .login = true,
     .want = {{SMTPC_PERMANENT, 550, ""}}},
};

static int prepare(struct smtpc *c, const struct row *row, struct err *err)
{
    const struct sasl_credentials login = {
        .user = SLICE("tim"), .password = SLICE("tanstaaftanstaaf"), .has_password = true};
    struct tls_connector_config config = {.verify = TLS_VERIFY_NONE};
    struct tls_identity *identity = NULL;
    struct tls_connector *connector = NULL;
    int rc = smtpc_greet(c, err);

    if (row->key)
        assert_int_equal(
            tls_identity_read(SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), &identity, err),
            0);
    config.identity = identity;
    if (row->tls == TLS_NAME)
        config.verify = TLS_VERIFY_NAME;
    if (rc == 0 && row->tls != TLS_NO) {
        assert_int_equal(tls_connector_new(&config, &connector, err), 0);
        rc = smtpc_start_tls(c, connector, "localhost", err);
        tls_connector_free(connector);
    }
    if (rc == 0 && row->login)
        rc = smtpc_login(c, &login, err);
    tls_identity_free(identity);
    return rc;
}

static void check(const struct row *row, size_t i, const struct smtpc_outcome *o)
{
    if (o->state != row->want[i].state || o->code != row->want[i].code ||
        (row->want[i].ecode && strcmp(o->ecode, row->want[i].ecode) != 0) ||
        (i == 0 && o->reason != row->reason))
        fail_msg("%s, %zu: state %d reason %d code %u ecode %s %.*s", row->name, i, o->state,
                 o->reason, o->code, o->ecode, SLICE_FMT(o->text));
}

static void send_one(struct smtpc *c, const struct row *row, struct smtpc_recipient *v,
                     struct arena *arena)
{
    struct smtpc_memory message;
    struct err err;
    const struct smtpc_envelope e = {
        .from = row->from ? slice_str(row->from) : SLICE("from@example.org"),
        .source = &message.base,
        .eightbit = row->eightbit,
        .binary = row->binary,
        .utf8_header = row->utf8,
        .require_tls = row->require_tls,
        .ret = row->dsn ? SLICE("HDRS") : SLICE(""),
        .envid = row->dsn ? SLICE("QQ+2B1") : SLICE(""),
        .arena = arena,
    };

    smtpc_memory_init(&message, SLICE("Subject: x\r\n\r\n.hi\r\n"));
    int rc = smtpc_send(c, &e, v, row->recipients, &err);
    bool taken = false;

    for (size_t i = 0; i < row->recipients; i++)
        taken |= v[i].outcome.state == SMTPC_TAKEN;
    assert_int_equal(rc == 0, taken);
}

static void play(const struct row *row)
{
    struct smtpc_recipient v[3] = {{.address = SLICE("a@example.com")},
                                   {.address = SLICE("b@example.com")},
                                   {.address = SLICE("c@example.net")}};
    const struct smtpc_settings settings = {.hostname = "client.example",
                                            .prefer_chunks = row->chunks,
                                            .strict_8bit = row->strict,
                                            .deadline_ns = clock_mono_ns() + 20 * NS_PER_S};
    struct script script = {0};
    struct arena arena;
    struct smtpc *c;
    struct err err;

    arena_init(&arena, 1 << 20);
    if (row->first)
        v[0].address = slice_str(row->first);
    if (row->dsn) {
        v[0].notify = SLICE("NEVER");
        v[0].orcpt = SLICE("rfc822;x@example.com");
    }
    assert_int_equal(smtpc_new(&settings, script_start(&script, row->steps), &c, &err), 0);
    int rc = prepare(c, row, &err);

    if (rc < 0) {
        v[0].outcome = *smtpc_failure(c);
        v[0].outcome.text = arena_copy(&arena, v[0].outcome.text);
    }
    for (int i = 0; i < 1 + row->twice && rc == 0; i++)
        send_one(c, row, v, &arena);
    smtpc_quit(c);
    smtpc_free(c);
    print_message("%s\n", row->name);
    script_end(&script);
    assert_int_equal(rc < 0, row->fails_before);
    for (size_t i = 0; i < row->recipients; i++)
        check(row, i, &v[i].outcome);
    arena_done(&arena);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        play(&rows[i]);
}

/* C1: HELO, a message, another one. */
static void test_helo(void **state)
{
    static const struct row row = {"C1 HELO, two messages",
                                   {"S 220 mx.example", "C EHLO client.example",
                                    "S 500 what",       "C HELO client.example",
                                    "S 250 mx.example", MAIL,
                                    "S 250 ok",         R1,
                                    "S 250 ok",         "C DATA",
                                    "S 354 go",         CONTENT,
                                    "S 250 ok",         MAIL,
                                    "S 250 ok",         R1,
                                    "S 250 ok",         "C DATA",
                                    "S 354 go",         CONTENT,
                                    "S 250 ok",         QUIT},
                                   .recipients = 1,
                                   .twice = true,
                                   .want = {{SMTPC_TAKEN, 250, ""}}};

    (void)state;
    play(&row);
}

/* C36: what is remembered of the greeting. */
static void test_peer_name(void **state)
{
    static const char *const steps[] = {PLAIN_HELLO, QUIT, NULL};
    const struct smtpc_settings settings = {.hostname = "client.example"};
    struct script script = {0};
    struct smtpc *c;
    struct err err;

    (void)state;
    assert_int_equal(smtpc_new(&settings, script_start(&script, steps), &c, &err), 0);
    assert_int_equal(smtpc_greet(c, &err), 0);
    assert_string_equal(smtpc_peer_name(c), "mx.example");
    smtpc_quit(c);
    smtpc_free(c);
    script_end(&script);
}

/* A peer that says nothing costs as long as is allowed, and no longer. */
static void test_timeout(void **state)
{
    static const char *const steps[] = {"s 220-", "D never", NULL};
    const struct smtpc_settings settings = {.hostname = "client.example",
                                            .timeouts = {.greeting_ns = NS_PER_S / 5}};
    struct script script = {0};
    struct smtpc *c;
    struct err err;
    int64_t start_ns = clock_mono_ns();

    (void)state;
    assert_int_equal(smtpc_new(&settings, script_start(&script, steps), &c, &err), 0);
    assert_int_equal(smtpc_greet(c, &err), -ERR_TIMEOUT);
    assert_true(clock_mono_ns() - start_ns >= NS_PER_S / 5);
    assert_false(smtpc_usable(c));
    smtpc_free(c);
    assert_int_equal(pthread_join(script.thread, NULL), 0);
    SSL_CTX_free(script.tls);
}

/* Three hundred recipients in batches; the other side answers while we still write. */
static void test_many(void **state)
{
    static const char *const steps[] = {PIPE_HELLO, NULL};
    static struct smtpc_recipient v[250];
    static const char *script_steps[8 + 3 * (2 + 100 + 100 + 8)];
    static char names[250][40], lines[250][60];
    const struct smtpc_settings settings = {.hostname = "client.example"};
    struct script script = {0};
    struct smtpc_memory message;
    struct arena arena;
    struct smtpc *c;
    struct err err;
    size_t n = 0;

    (void)state;
    for (size_t i = 0; steps[i]; i++)
        script_steps[n++] = steps[i];
    for (size_t i = 0; i < 250; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "user%zu@example.com", i);
        (void)snprintf(lines[i], sizeof(lines[i]), "C RCPT TO:<%s>", names[i]);
        v[i].address = slice_str(names[i]);
        if (i % 100 == 0) {
            script_steps[n++] = MAIL;
            script_steps[n++] = "S 250 ok";
        }
        script_steps[n++] = lines[i];
        script_steps[n++] = "S 250 ok";
        if (i % 100 == 99 || i == 249) {
            const char *end[] = {"C DATA", "S 354 go", CONTENT, "S 250 ok"};

            for (size_t k = 0; k < sizeof(end) / sizeof(end[0]); k++)
                script_steps[n++] = end[k];
        }
    }
    script_steps[n++] = "C QUIT";
    script_steps[n++] = "S 221 bye";
    arena_init(&arena, 1 << 20);
    smtpc_memory_init(&message, SLICE("Subject: x\r\n\r\n.hi\r\n"));
    const struct smtpc_envelope e = {
        .from = SLICE("from@example.org"), .source = &message.base, .arena = &arena};

    assert_int_equal(smtpc_new(&settings, script_start(&script, script_steps), &c, &err), 0);
    assert_int_equal(smtpc_greet(c, &err), 0);
    assert_int_equal(smtpc_send(c, &e, v, 250, &err), 0);
    for (size_t i = 0; i < 250; i++)
        assert_int_equal(v[i].outcome.state, SMTPC_TAKEN);
    smtpc_quit(c);
    smtpc_free(c);
    script_end(&script);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_helo),
        cmocka_unit_test(test_peer_name), cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
