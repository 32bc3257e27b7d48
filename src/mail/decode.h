/* Content transfer encodings and charsets, as streams. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"
#include "mail/render.h"

/* Decodes the whole of `in` by its transfer encoding; junk is skipped as clients do. false when
 * `out` is full. */
bool mail_decode_transfer(struct builder *out, enum part_encoding encoding, struct slice in);
/* To UTF-8 from an IANA charset (ICU); unknown or empty charset: UTF-8 with invalid octets
 * replaced. Names mean what senders mean by them: gb2312 is gb18030, euc-kr and ks_c_5601-1987 are
 * windows-949; us-ascii with other octets is UTF-8, or else windows-1252. */
bool mail_decode_charset(struct builder *out, struct slice charset, struct slice in);
/* Text of an HTML document for searching: tags, scripts and styles removed, entities decoded. in:
 * UTF-8. */
void mail_html_text(struct builder *out, struct slice in);
