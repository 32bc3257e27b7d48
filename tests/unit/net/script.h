/* A server that plays a script in a thread of its own, over a pair of sockets, for tests of clients
 * that wait. Steps:
 *   "S text"   sends a line            "s text"  sends it without a line end
 *   "C text"   wants exactly this line; "*" at its end stands for anything
 *   "D text"   wants this line among those that come next, and skips the others
 *   "."        wants lines up to one with a dot alone
 *   "T"        TLS from here on        "Z"       closes
 *   "N 9 text" sends the line 9 times, or until nobody takes it; "n 9 text" the text alone
 * After the last step it wants the client to close. */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>

#include "net/stream.h"

struct script {
    const char *const *steps; /* up to NULL */
    SSL_CTX *tls;             /* for "T"; NULL: made with a self-signed certificate of localhost */
    bool own_tls;
    int fd;
    SSL *ssl;
    char in[65536];
    size_t in_n;
    char heard[65536]; /* all lines that came, with LF */
    size_t heard_n;
    char problem[400]; /* empty: all went as written */
    pthread_t thread;
};

/* The client's end; the script begins. */
struct stream *script_start(struct script *s, const char *const *steps);
/* Waits for its end, after the client has closed; fails the test when something went otherwise. */
void script_end(struct script *s);
/* A context of a server with this key, self-signed for `name`. */
SSL_CTX *script_tls(EVP_PKEY *key, const char *name);
