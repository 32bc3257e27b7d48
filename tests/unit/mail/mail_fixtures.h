/* Messages that several tests use. */
#pragma once

/* RFC 3501 6.3.11. */
#define MESSAGE_M1                                                                                 \
    "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"                                               \
    "From: Fred Foobar <foobar@Blurdybloop.example>\r\n"                                           \
    "Subject: afternoon meeting\r\n"                                                               \
    "To: mooch@owatagu.siam.edu.example\r\n"                                                       \
    "Message-Id: <B27397-0100000@Blurdybloop.example>\r\n"                                         \
    "MIME-Version: 1.0\r\n"                                                                        \
    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"                                               \
    "\r\n"                                                                                         \
    "Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n"                                    \
    "\r\n"

/* The complex example of RFC 2049, appendix A, with MD5, language and location at the last part. */
#define MESSAGE_MN                                                                                 \
    "MIME-Version: 1.0\r\n"                                                                        \
    "From: Nathaniel Borenstein <nsb@nsb.fv.com>\r\n"                                              \
    "To: Ned Freed <ned@innosoft.com>\r\n"                                                         \
    "Date: Fri, 07 Oct 1994 16:15:05 -0700 (PDT)\r\n"                                              \
    "Subject: A multipart example\r\n"                                                             \
    "Content-Type: multipart/mixed;\r\n"                                                           \
    "              boundary=unique-boundary-1\r\n"                                                 \
    "\r\n"                                                                                         \
    "This is the preamble area of a multipart message.\r\n"                                        \
    "Mail readers that understand multipart format\r\n"                                            \
    "should ignore this preamble.\r\n"                                                             \
    "\r\n"                                                                                         \
    "--unique-boundary-1\r\n"                                                                      \
    "\r\n"                                                                                         \
    "  ... Some text appears here ...\r\n"                                                         \
    "\r\n"                                                                                         \
    "--unique-boundary-1\r\n"                                                                      \
    "Content-type: text/plain; charset=US-ASCII\r\n"                                               \
    "\r\n"                                                                                         \
    "This could have been part of the previous part, but\r\n"                                      \
    "illustrates explicit versus implicit typing of body\r\n"                                      \
    "parts.\r\n"                                                                                   \
    "\r\n"                                                                                         \
    "--unique-boundary-1\r\n"                                                                      \
    "Content-Type: multipart/parallel; boundary=unique-boundary-2\r\n"                             \
    "\r\n"                                                                                         \
    "--unique-boundary-2\r\n"                                                                      \
    "Content-Type: audio/basic\r\n"                                                                \
    "Content-Transfer-Encoding: base64\r\n"                                                        \
    "\r\n"                                                                                         \
    "aGVsbG8NCndvcmxkDQo=\r\n"                                                                     \
    "\r\n"                                                                                         \
    "--unique-boundary-2\r\n"                                                                      \
    "Content-Type: image/jpeg\r\n"                                                                 \
    "Content-Transfer-Encoding: base64\r\n"                                                        \
    "Content-Disposition: inline; filename=image.jpg\r\n"                                          \
    "\r\n"                                                                                         \
    "\r\n"                                                                                         \
    "--unique-boundary-2--\r\n"                                                                    \
    "\r\n"                                                                                         \
    "--unique-boundary-1\r\n"                                                                      \
    "Content-type: text/enriched\r\n"                                                              \
    "\r\n"                                                                                         \
    "This is <bold><italic>enriched.</italic></bold>\r\n"                                          \
    "<smaller>as defined in RFC 1896</smaller>\r\n"                                                \
    "\r\n"                                                                                         \
    "Isn't it\r\n"                                                                                 \
    "<bigger><bigger>cool?</bigger></bigger>\r\n"                                                  \
    "\r\n"                                                                                         \
    "--unique-boundary-1\r\n"                                                                      \
    "Content-Type: message/rfc822\r\n"                                                             \
    "Content-MD5: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n"                                                    \
    "Content-Language: en,de\r\n"                                                                  \
    "Content-Location: http://localhost\r\n"                                                       \
    "\r\n"                                                                                         \
    "From: info@mox.example\r\n"                                                                   \
    "To: mox <info@mox.example>\r\n"                                                               \
    "Subject: (subject in US-ASCII)\r\n"                                                           \
    "Content-Type: Text/plain; charset=ISO-8859-1\r\n"                                             \
    "Content-Transfer-Encoding: Quoted-printable\r\n"                                              \
    "\r\n"                                                                                         \
    "  ... Additional text in ISO-8859-1 goes here ...\r\n"                                        \
    "\r\n"                                                                                         \
    "--unique-boundary-1--\r\n"

#define MN_1 "\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 34 1"
#define MN_2 "\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 114 3"
#define MN_31 "\"AUDIO\" \"BASIC\" NIL NIL NIL \"BASE64\" 22"
#define MN_32 "\"IMAGE\" \"JPEG\" NIL NIL NIL \"BASE64\" 0"
#define MN_4 "\"TEXT\" \"ENRICHED\" NIL NIL NIL \"7BIT\" 145 5"
#define MN_5                                                                                       \
    "\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 228 (NIL \"(subject in US-ASCII)\" "              \
    "((NIL NIL \"info\" \"mox.example\")) ((NIL NIL \"info\" \"mox.example\")) "                   \
    "((NIL NIL \"info\" \"mox.example\")) ((\"mox\" NIL \"info\" \"mox.example\")) NIL NIL NIL "   \
    "NIL) "
#define MN_51 "\"TEXT\" \"PLAIN\" (\"CHARSET\" \"ISO-8859-1\") NIL NIL \"QUOTED-PRINTABLE\" 51 1"

#define STRUCTURE_MN                                                                               \
    "((" MN_1 " NIL NIL NIL NIL)(" MN_2 " NIL NIL NIL NIL)((" MN_31 " NIL NIL NIL NIL)(" MN_32     \
    " NIL (\"inline\" (\"filename\" \"image.jpg\")) NIL NIL) \"PARALLEL\" (\"BOUNDARY\" "          \
    "\"unique-boundary-2\") NIL NIL NIL)(" MN_4 " NIL NIL NIL NIL)(" MN_5 "(" MN_51                \
    " NIL NIL NIL NIL) 7 \"MDEyMzQ1Njc4OTAxMjM0NQ==\" NIL (\"en\" \"de\") \"http://localhost\") "  \
    "\"MIXED\" (\"BOUNDARY\" \"unique-boundary-1\") NIL NIL NIL)"
#define BODY_MN                                                                                    \
    "((" MN_1 ")(" MN_2 ")((" MN_31 ")(" MN_32 ") \"PARALLEL\")(" MN_4 ")(" MN_5 "(" MN_51         \
    ") 7) \"MIXED\")"
