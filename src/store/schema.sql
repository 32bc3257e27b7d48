-- The map of the data. A shard is one database with the tables of the first part; the accounts of an installation are
-- spread over shards. The directory is one more database, with the tables of the second part.
--
-- Written so that the same statements run on PostgreSQL: keys lead with account_id, ids come from us, no triggers,
-- no AUTOINCREMENT. Times are nanoseconds since 1970 UTC. Booleans are 0 and 1. Sets of UIDs are blobs of pairs
-- (first, last), each number little-endian 32 bits.
--
-- A line "-- part: NAME" starts a part; src/store/schema.c runs one part on one database. Changes to what is here
-- go into src/store/migrate.c as well, with the next schema version.

-- part: shard

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- One row per account: its counters. Every change of the account's mail takes the next modseq.
CREATE TABLE account (
    account_id       INTEGER PRIMARY KEY,
    modseq           INTEGER NOT NULL, -- last one handed out
    pruned_modseq    INTEGER NOT NULL, -- change rows up to this one may be gone
    uidvalidity_next INTEGER NOT NULL,
    mailbox_next     INTEGER NOT NULL,
    content_next     INTEGER NOT NULL,
    thread_next      INTEGER NOT NULL,
    object_seed      INTEGER NOT NULL, -- random, leads the account's object ids (RFC 8474)
    size_bytes       INTEGER NOT NULL, -- of live messages, and of those in erase_pending
    messages         INTEGER NOT NULL, -- live ones
    -- what holds, that of the installation when it is inherited; 0: none
    quota_bytes      INTEGER NOT NULL,
    -- contents up to this one have all their rows in thread_key
    keys_done        INTEGER NOT NULL DEFAULT 0,
    quota_inherited  INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE mailbox (
    account_id    INTEGER NOT NULL,
    mailbox_id    INTEGER NOT NULL,
    parent_id     INTEGER NOT NULL, -- 0 at the top
    name          TEXT NOT NULL,    -- full name, "/" between levels
    uidvalidity   INTEGER NOT NULL,
    uidnext       INTEGER NOT NULL,
    special_use   INTEGER NOT NULL, -- bits: 1 Archive 2 Drafts 4 Junk 8 Sent 16 Trash
    keywords      TEXT NOT NULL,    -- every keyword ever used here: lower case, sorted, with spaces between
    create_modseq INTEGER NOT NULL,
    modseq        INTEGER NOT NULL, -- of the last change of the mailbox or of a message in it
    -- counts of live messages
    total         INTEGER NOT NULL, -- without \Deleted
    deleted       INTEGER NOT NULL,
    unseen        INTEGER NOT NULL, -- without \Seen
    unread        INTEGER NOT NULL, -- without \Seen and without \Deleted
    size_bytes    INTEGER NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX mailbox_name ON mailbox (account_id, name);

CREATE TABLE subscription (
    account_id INTEGER NOT NULL,
    name       TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) WITHOUT ROWID;

-- A message in a mailbox: what changes, and what a listing needs. Small, in the order in which IMAP reads it.
CREATE TABLE message (
    account_id    INTEGER NOT NULL,
    mailbox_id    INTEGER NOT NULL,
    uid           INTEGER NOT NULL,
    content_id    INTEGER NOT NULL,
    modseq        INTEGER NOT NULL,
    create_modseq INTEGER NOT NULL,
    flags         INTEGER NOT NULL, -- bits as in proto/store.proto, message Message
    keywords      TEXT NOT NULL,    -- lower case, sorted, with spaces between
    received_ns   INTEGER NOT NULL, -- INTERNALDATE
    zone_minutes  INTEGER NOT NULL, -- its zone, as the client gave it
    saved_ns      INTEGER NOT NULL, -- SAVEDATE
    size_bytes    INTEGER NOT NULL, -- prefix and body
    expunged_ns   INTEGER NOT NULL, -- 0: live; else removed then, erased an hour later
    -- where it was first delivered, and where it was meant to go when it was diverted; plain numbers
    mailbox_orig_id     INTEGER NOT NULL,
    mailbox_destined_id INTEGER NOT NULL,
    trained       INTEGER NOT NULL, -- junk filter: 0 not, 1 as junk, 2 as not junk
    PRIMARY KEY (account_id, mailbox_id, uid)
) WITHOUT ROWID;

-- What never changes about a message; shared by copies of it within the account. content_id is the EMAILID. Rows have
-- about a kilobyte: an ordinary table, because WITHOUT ROWID would spill each into a page of its own.
CREATE TABLE content (
    account_id   INTEGER NOT NULL,
    content_id   INTEGER NOT NULL,
    refs         INTEGER NOT NULL, -- message rows, expunged ones until they are erased
    body_id      INTEGER NOT NULL,
    thread_id    INTEGER NOT NULL,
    parent_id    INTEGER NOT NULL, -- content_id of the message it answers; 0: none known
    thread_flags INTEGER NOT NULL, -- bits: 1 muted 2 collapsed 4 missing link
    date_ns      INTEGER NOT NULL,
    received_ns  INTEGER NOT NULL, -- of the first message with it, for finding threads by subject
    mailbox_orig_id INTEGER NOT NULL, -- where that one was added
    prefix       BLOB NOT NULL,    -- header fields that delivery put in front of the body
    envelope     BLOB NOT NULL,
    envelope_utf8 BLOB NOT NULL,   -- empty: as envelope
    bodystructure BLOB NOT NULL,
    parts        BLOB NOT NULL,
    preview      BLOB NOT NULL,
    message_id   BLOB NOT NULL,
    subject_base BLOB NOT NULL,
    facts_flags  INTEGER NOT NULL, -- bits: 1 subject is a response 2 DSN 4 has 8-bit octets 8 has rows in recipient
    from_localpart BLOB NOT NULL,
    from_domain  BLOB NOT NULL,
    -- SMTP: where it came from
    reverse_path BLOB NOT NULL,
    rcpt_to      BLOB NOT NULL,
    remote_ip    BLOB NOT NULL,
    ehlo         BLOB NOT NULL,
    tls_version  INTEGER NOT NULL,
    tls_cipher   INTEGER NOT NULL,
    origin_flags INTEGER NOT NULL, -- bits: 1 require TLS 2 reject 4 forwarded 8 mailing list
    validation   INTEGER NOT NULL, -- 4 bits each: EHLO, MAIL FROM, From (0 unknown … 10 none)
    dkim_domains BLOB NOT NULL,    -- verified ones, with spaces between
    received_id  BLOB NOT NULL,
    reason       BLOB NOT NULL,    -- why it was accepted where it was
    -- what its sender asked for (store.proto, messages Wishes and Recipient)
    wish_flags    INTEGER NOT NULL DEFAULT 0, -- bits: 1 8BITMIME 2 BINARYMIME 4 SMTPUTF8 8 TLS-Required: No
    dsn_ret       INTEGER NOT NULL DEFAULT 0,
    dsn_envid     BLOB NOT NULL DEFAULT x'',
    dsn_notify    INTEGER NOT NULL DEFAULT 0,
    dsn_orcpt     BLOB NOT NULL DEFAULT x'',
    hold_until_ns INTEGER NOT NULL DEFAULT 0,
    extras        BLOB NOT NULL DEFAULT x'', -- store.proto, message Extras
    PRIMARY KEY (account_id, content_id)
);

-- Finding threads: hashes of Message-IDs and base subjects, see src/store/thread_keys.h. The newest are not here yet:
-- src/store/thread_index.h.
CREATE TABLE thread_key (
    account_id INTEGER NOT NULL,
    hash       INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, hash, content_id)
) WITHOUT ROWID;

-- The recipients of what the account has sent: senders that it knows.
CREATE TABLE recipient (
    account_id INTEGER NOT NULL,
    address    BLOB NOT NULL, -- localpart@domain, canonical
    content_id INTEGER NOT NULL,
    sent_ns    INTEGER NOT NULL,
    PRIMARY KEY (account_id, address, content_id)
) WITHOUT ROWID;

-- Sending limits: one row for each message of the last day.
CREATE TABLE outgoing (
    account_id INTEGER NOT NULL,
    sent_ns    INTEGER NOT NULL,
    n          INTEGER NOT NULL, -- counts messages of one instant
    recipients INTEGER NOT NULL,
    PRIMARY KEY (account_id, sent_ns, n)
) WITHOUT ROWID;

-- Sending limits: everybody whom the account has ever written to, and since when.
CREATE TABLE outgoing_recipient (
    account_id INTEGER NOT NULL,
    address    TEXT NOT NULL, -- localpart@domain with U-labels
    first_ns   INTEGER NOT NULL,
    PRIMARY KEY (account_id, address)
) WITHOUT ROWID;
CREATE INDEX outgoing_recipient_first ON outgoing_recipient (account_id, first_ns);

-- What happened, in order: the source of events, CONDSTORE, QRESYNC and JMAP state. One row per commit, mailbox, kind.
CREATE TABLE change (
    account_id INTEGER NOT NULL,
    modseq     INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    kind       INTEGER NOT NULL, -- as in proto/store.proto, message Change
    mailbox_id INTEGER NOT NULL,
    uids       BLOB NOT NULL,
    name       BLOB NOT NULL,
    old_name   BLOB NOT NULL,
    PRIMARY KEY (account_id, modseq, n)
) WITHOUT ROWID;

-- Bodies: the octets of messages, once per shard and message. Either `data` holds them (small ones), or the segment
-- file does. What stands there is compressed with `codec`.
CREATE TABLE body (
    body_id     INTEGER PRIMARY KEY,
    refs        INTEGER NOT NULL, -- content rows
    codec       INTEGER NOT NULL, -- 0 as it is, 1 zstd
    dictionary_id INTEGER NOT NULL, -- 0: none
    size_bytes  INTEGER NOT NULL, -- before compression
    stored_bytes INTEGER NOT NULL, -- as stored
    checksum    BLOB NOT NULL,    -- of the octets before compression, see src/store/body.h
    segment_id  INTEGER NOT NULL, -- 0: in `data`
    segment_offset INTEGER NOT NULL,
    data        BLOB NOT NULL
);
CREATE INDEX body_segment ON body (segment_id, segment_offset) WHERE segment_id > 0;

CREATE TABLE dictionary (
    dictionary_id INTEGER PRIMARY KEY,
    data          BLOB NOT NULL
);

CREATE TABLE segment (
    segment_id INTEGER PRIMARY KEY,
    size_bytes INTEGER NOT NULL,  -- octets that commits have accounted for
    dead_bytes INTEGER NOT NULL   -- of those, of bodies that are gone
);

-- Expunged messages, in the order in which their time comes.
CREATE TABLE erase_pending (
    due_ns     INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid        INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL, -- what the account's size shrinks by then; 0 after a move, which stores nothing new
    PRIMARY KEY (due_ns, account_id, mailbox_id, uid)
) WITHOUT ROWID;

-- Text of new messages that the search index has not taken yet.
CREATE TABLE search_pending (
    account_id INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    text       BLOB NOT NULL, -- zstd
    PRIMARY KEY (account_id, content_id)
);

-- part: directory

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

CREATE TABLE domain (
    domain   TEXT PRIMARY KEY, -- lower case, U-labels
    disabled INTEGER NOT NULL,
    localpart_separators TEXT NOT NULL, -- catch-all separators, one per line
    localpart_case_sensitive INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE account (
    account_id     INTEGER PRIMARY KEY, -- never reused: account_next in meta
    name           TEXT NOT NULL UNIQUE,
    shard          INTEGER NOT NULL,
    login_disabled TEXT NOT NULL, -- the reason; empty: logins are allowed
    quota_bytes    INTEGER NOT NULL, -- 0: that of the installation (quota_bytes in meta); negative: unlimited
    created_ns     INTEGER NOT NULL,
    -- sending limits; 0: as store/outgoing.h says; negative: unlimited
    messages_per_day   INTEGER NOT NULL DEFAULT 0,
    recipients_per_day INTEGER NOT NULL DEFAULT 0 -- to whom it never wrote before
);

CREATE TABLE address (
    domain     TEXT NOT NULL,
    localpart  TEXT NOT NULL,    -- canonical; may be empty
    catchall   INTEGER NOT NULL, -- 1: all that has no row of its own; localpart is empty then
    account_id INTEGER NOT NULL,
    mailbox    TEXT NOT NULL,    -- empty: Inbox
    refusal    TEXT NOT NULL,    -- empty: none; else "550 text" or "421 text", said to senders in place of taking mail
    auth_refusal TEXT NOT NULL,  -- empty: none; else the text for mail whose author is not authenticated
    PRIMARY KEY (domain, localpart, catchall)
) WITHOUT ROWID;
CREATE INDEX address_account ON address (account_id);

-- Addresses that the installation itself, or a domain, needs; those of reports come before what `address` has.
CREATE TABLE role_address (
    role       TEXT NOT NULL, -- 'postmaster', 'host-tls' (about ''); 'dmarc', 'tls': reports about the domain
    about      TEXT NOT NULL,
    domain     TEXT NOT NULL, -- of the address; empty for those of the host name
    localpart  TEXT NOT NULL, -- canonical, but it may have a separator in it
    account_id INTEGER NOT NULL,
    mailbox    TEXT NOT NULL, -- empty: Inbox
    PRIMARY KEY (role, about)
) WITHOUT ROWID;
CREATE INDEX role_address_address ON role_address (domain, localpart);
CREATE INDEX role_address_account ON role_address (account_id);

CREATE TABLE alias (
    domain         TEXT NOT NULL,
    localpart      TEXT NOT NULL,
    post_public    INTEGER NOT NULL,
    list_members   INTEGER NOT NULL,
    allow_msg_from INTEGER NOT NULL,
    PRIMARY KEY (domain, localpart)
) WITHOUT ROWID;

CREATE TABLE alias_member (
    domain           TEXT NOT NULL,
    localpart        TEXT NOT NULL,
    member_domain    TEXT NOT NULL,
    member_localpart TEXT NOT NULL,
    PRIMARY KEY (domain, localpart, member_domain, member_localpart)
) WITHOUT ROWID;

-- What mechanisms derive from a password; the password itself is stored nowhere. All rows of an account with the same
-- SCRAM kind have the same salt and parameter: a client asks for them before it shows which password it has.
CREATE TABLE credential (
    account_id  INTEGER NOT NULL,
    password_id INTEGER NOT NULL, -- 0: the account's own password; others are in app_password
    kind        TEXT NOT NULL, -- 'password', 'scram-sha-256', 'scram-sha-1', 'cram-md5'
    salt        BLOB NOT NULL,
    parameter   INTEGER NOT NULL, -- log2 of scrypt's N, 0 for SHA-256; or PBKDF2 iterations
    secret      BLOB NOT NULL,
    changed_ns  INTEGER NOT NULL,
    PRIMARY KEY (account_id, password_id, kind)
) WITHOUT ROWID;

-- Logins of browsers. The tokens themselves are stored nowhere: these are their SHA-256.
CREATE TABLE web_session (
    token_hash BLOB NOT NULL PRIMARY KEY,
    csrf_hash  BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    address    TEXT NOT NULL,    -- the login address
    expires_ns INTEGER NOT NULL  -- 24 hours after its last use
) WITHOUT ROWID;
CREATE INDEX web_session_account ON web_session (account_id, expires_ns);

-- Passwords for one device or program each, made by us.
CREATE TABLE app_password (
    account_id  INTEGER NOT NULL,
    password_id INTEGER NOT NULL, -- from 1
    name        TEXT NOT NULL,
    scope       INTEGER NOT NULL, -- bits: 1 IMAP 2 submission 4 web
    created_ns  INTEGER NOT NULL,
    expires_ns  INTEGER NOT NULL, -- 0: never
    used_ns     INTEGER NOT NULL, -- 0: never
    PRIMARY KEY (account_id, password_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX app_password_name ON app_password (account_id, name);

-- Attempts to log in; equal ones are one row.
CREATE TABLE login_attempt (
    account_id  INTEGER NOT NULL, -- 0: no account has the address
    digest      BLOB NOT NULL,    -- SHA-256 of what describes it, see src/store/attempts.c
    address     BLOB NOT NULL,    -- as it was given
    protocol    TEXT NOT NULL,
    mechanism   TEXT NOT NULL,
    result      TEXT NOT NULL,
    remote_ip   BLOB NOT NULL,
    local_ip    BLOB NOT NULL,
    tls         BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    count       INTEGER NOT NULL,
    first_ns    INTEGER NOT NULL,
    last_ns     INTEGER NOT NULL,
    PRIMARY KEY (account_id, digest)
);
CREATE INDEX login_attempt_last ON login_attempt (last_ns, digest);
CREATE INDEX login_attempt_of ON login_attempt (account_id, last_ns, digest);
CREATE INDEX login_attempt_from ON login_attempt (account_id, result, remote_ip);

-- Public keys with which programs log in over TLS.
CREATE TABLE tls_key (
    fingerprint     BLOB NOT NULL PRIMARY KEY, -- SHA-256 of the SubjectPublicKeyInfo
    account_id      INTEGER NOT NULL,
    address         TEXT NOT NULL,    -- the login address; counts only while it belongs to the account
    name            TEXT NOT NULL,
    type            TEXT NOT NULL,
    no_imap_preauth INTEGER NOT NULL,
    certificate     BLOB NOT NULL,    -- DER, as it was given
    created_ns      INTEGER NOT NULL,
    last_used_ns    INTEGER NOT NULL  -- 0: never
) WITHOUT ROWID;
CREATE INDEX tls_key_account ON tls_key (account_id, created_ns);
