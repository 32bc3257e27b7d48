/* Writing header fields: whatever text, addresses, parameters and ids go in, a proper field comes
 * out that says the same (RFC 5322, 2045, 2047, 2231, 6532). Pure.
 *
 *   struct slice field = mail_field_text(&a, SLICE("Subject:"), SLICE("Grüße"), false);
 *   // "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
 *
 * Laws, which test_laws.c holds: what is written reads back as what was given, by
 * mail_words_decode, mail_address_list_parse and the parser; and written again it is the same
 * octets.
 *
 * Every function gives a whole field, folded, with its CRLF. It lives in `a`, and is empty when out
 * of memory, or when it would exceed 256 KiB. Names come with their colon. Texts are UTF-8; octets
 * that are none become U+FFFD. `utf8` says that the message may have UTF-8 in its header (RFC 6532,
 * SMTPUTF8); without it everything but local parts, domains and ids comes out as ASCII, and those
 * are for the caller to choose. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "mail/address.h"
#include "mail/message.h"

/* Unstructured text, such as Subject and Comments: any text, spaces and control octets too. */
struct slice mail_field_text(struct arena *a, struct slice name, struct slice text, bool utf8);

/* An address list. The names of mailboxes and groups are text as people read it: what
 * mail_address_list_parse gives goes through mail_words_decode first. A mailbox without a domain,
 * or with control octets in its address, is left out. */
struct slice mail_field_addresses(struct arena *a, struct slice name,
                                  const struct mail_address_list *list, bool utf8);

/* A value with parameters, such as Content-Type and Content-Disposition. value: as it is to stand
 * there. Of the parameters `name`, a token, and `value` are used. A value that is neither token nor
 * quoted string of moderate length is written in the form of RFC 2231, in pieces if need be. */
struct slice mail_field_params(struct arena *a, struct slice name, struct slice value,
                               const struct mail_param *params, size_t params_n, bool utf8);

/* Message-ID, In-Reply-To, References: ids without their brackets, as mail_message has them. */
struct slice mail_field_ids(struct arena *a, struct slice name, const struct slice *ids, size_t n);

/* "<random@host>" for a new message; random: at least 16 octets that nobody can foresee. Lives in
 * `a`; empty when out of memory. */
struct slice mail_message_id(struct arena *a, struct slice random, struct slice host);

/* A local part as it stands in an address: quoted when it has to be (RFC 5321 4.1.2). Lives in `a`,
 * or borrows. */
struct slice mail_localpart(struct arena *a, struct slice localpart);
