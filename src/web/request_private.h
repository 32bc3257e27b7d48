/* Shared by request.c, request_parts.c and request_body.c. */
#pragma once

#include "web/request.h"

/* Whether the head (with its empty line) is made of lines that all readers understand alike: CRLF
 * at their ends, no other control characters but tabs, none that continues the one before, no blank
 * before the colon. RFC 9112 2.2, 5.1, 5.2. */
bool http_head_strict(struct slice head);
/* The same of one field, without its CRLF. */
bool http_field_strict(struct slice line);
/* Fills path, query and, for absolute targets, host. 0, or the status of the refusal. */
unsigned http_target_read(struct http_reader *r);
/* Takes octets of the body; r->complete when they were all. 0, or the status of the refusal. */
unsigned http_body_read(struct http_reader *r, struct slice in, size_t *used_out);
