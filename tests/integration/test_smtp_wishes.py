"""What a sender asks for with MAIL and RCPT is found again beside the stored message; chunks and binary bodies."""

import sqlite3

import harness
from harness import SMTP, SUBMISSION, USER

COLUMNS = "wish_flags, origin_flags, dsn_ret, dsn_envid, dsn_notify, dsn_orcpt, hold_until_ns"
BINARY = 2
SMTPUTF8 = 4
TLS_OPTIONAL = 8


class TestSmtpWishes(harness.ServerTest):
    def say(self, client, command, code):
        got, text = client.docmd(command)
        self.assertEqual(got, code, (command, text))

    def submit(self, mail, rcpt, message):
        with self.server.smtp(SUBMISSION) as client:
            self.say(client, f"MAIL FROM:<{USER}> {mail}".rstrip(), 250)
            self.say(client, f"RCPT TO:<{USER}> {rcpt}".rstrip(), 250)
            code, text = client.data(message)
            self.assertEqual(code, 250, text)

    def database(self):
        return next(self.server.data.rglob("shard-00/shard.db"))

    def row(self, message_id):
        """The message's row, as the queue will find it."""
        path = f"file:{self.database()}?mode=ro"
        with sqlite3.connect(path, uri=True) as db:
            return db.execute(f"SELECT {COLUMNS} FROM content WHERE message_id = ?", [message_id]).fetchone()

    def test_what_was_asked_for_is_kept(self):
        self.submit("RET=HDRS ENVID=a+2Bb REQUIRETLS HOLDFOR=3600", "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@Example.COM",
                    f"From: <{USER}>\r\nMessage-ID: <asked@x>\r\n\r\n")
        *row, hold_until_ns = self.row(b"asked@x")
        self.assertEqual(row, [0, 1, 2, b"a+2Bb", 10, b"rfc822;Bob@Example.COM"])
        self.assertGreater(hold_until_ns, 0)
        self.submit("", "", f"From: <{USER}>\r\nMessage-ID: <nothing@x>\r\n\r\n")
        self.assertEqual(self.row(b"nothing@x"), (0, 0, 0, b"", 0, b"", 0))

    def test_extra_fields_are_kept(self):
        self.submit("", "", f"From: <{USER}>\r\nMessage-ID: <extra@x>\r\nx-godwit-extra-job-ID:  7\r\n 8\r\n"
                            "X-Godwit-Extra-Empty:\r\n\r\n")
        with sqlite3.connect(f"file:{self.database()}?mode=ro", uri=True) as db:
            (packed,) = db.execute("SELECT extras FROM content WHERE message_id = ?", [b"extra@x"]).fetchone()
        # Fields of length and octets: Job-Id with "7 8", Empty with nothing.
        self.assertEqual(packed, b"\x0a\x0d\x0a\x06Job-Id\x12\x037 8" + b"\x0a\x07\x0a\x05Empty")

    def test_extra_fields_have_bounds(self):
        for name, fields in (("twice", ["A: 1", "a: 2"]), ("no key", [": 1"]), ("many", [f"N{i}: x" for i in range(101)]),
                             ("large", [f"N{i}: {'x' * 900}" for i in range(19)])):
            header = "".join(f"X-Godwit-Extra-{field}\r\n" for field in fields)
            with self.server.smtp(SUBMISSION) as client:
                self.say(client, f"MAIL FROM:<{USER}>", 250)
                self.say(client, f"RCPT TO:<{USER}>", 250)
                code, text = client.data(f"From: <{USER}>\r\n{header}\r\n")
                self.assertEqual((code, text[:5]), (554, b"5.6.0"), name)

    def test_220_to_226_whether_tls_is_required(self):
        for name, mail, fields, wanted in (
                ("220", "REQUIRETLS", ["No"], (0, 1)), ("221", "", ["No"], (TLS_OPTIONAL, 0)),
                ("222", "REQUIRETLS", ["No", "bogus"], (0, 1)), ("223", "", ["No", "bogus"], (0, 0)),
                ("224", "", [], (0, 0)), ("224-yes", "REQUIRETLS", [], (0, 1)),
                ("226", "", ["no", "NO"], (TLS_OPTIONAL, 0))):
            header = "".join(f"TLS-Required: {field}\r\n" for field in fields)
            self.submit(mail, "", f"From: <{USER}>\r\nMessage-ID: <{name}@x>\r\n{header}\r\n")
            self.assertEqual(self.row(f"{name}@x".encode())[:2], wanted, name)

    def test_230_to_233_smtputf8_is_kept_when_needed(self):
        for name, mail, subject, flags in (("230", "SMTPUTF8", "ascii", 0), ("233", "SMTPUTF8", "\u263a", SMTPUTF8),
                                           ("233-no", "", "\u263a", SMTPUTF8)):
            self.submit(mail, "", f"From: <{USER}>\r\nMessage-ID: <{name}@x>\r\nSubject: {subject}\r\n\r\n".encode())
            self.assertEqual(self.row(f"{name}@x".encode())[0], flags, name)

    def submit_part(self, name, sender, recipient, subject, filename):
        """Submits with SMTPUTF8 a part with that file name, within a multipart of a multipart; the flags it is kept with."""
        message = (f'From: <{sender}>\r\nMessage-ID: <{name}@x>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n'
                   'Content-Type: multipart/mixed; boundary=outer\r\n\r\n'
                   '--outer\r\nContent-Type: multipart/related; boundary=inner\r\n\r\n'
                   '--inner\r\nContent-Type: text/plain\r\n'
                   f'Content-Disposition: attachment; filename="{filename}"\r\n\r\nx\r\n--inner--\r\n--outer--\r\n')
        with self.server.smtp(SUBMISSION) as client:
            client.command_encoding = "utf-8"
            self.say(client, f"MAIL FROM:<{sender}> SMTPUTF8", 250)
            self.say(client, f"RCPT TO:<{recipient}>", 250)
            code, text = client.data(message.encode())
            self.assertEqual(code, 250, text)
        return self.row(f"{name}@x".encode())[0]

    def test_234_file_name_of_a_nested_part_needs_smtputf8(self):
        self.assertEqual(self.submit_part("234-ascii", USER, USER, "ascii", "a.txt"), 0)
        self.assertEqual(self.submit_part("234", USER, USER, "ascii", "\u263a.txt"), SMTPUTF8)

    def test_235_everything_needs_smtputf8(self):
        sender, recipient = "\u03c9@localhost", "\U0001f642@localhost"
        for address in (sender, recipient):
            self.server.command("config", "address", "add", address, "user")
        self.assertEqual(self.submit_part("235", sender, recipient, "\u263a", "\u263a.txt"), SMTPUTF8)

    def test_binary_bodies_are_kept_exactly(self):
        header = b"From: <remote@example.org>\r\nMessage-ID: <binary@x>\r\nSubject: binary\r\n\r\n"
        body = bytes(range(256)) * 300 + b"\n\r.\r\n\0"
        with self.server.smtp(SMTP) as client:
            client.ehlo("client.example")
            self.say(client, "MAIL FROM:<remote@example.org> BODY=BINARYMIME", 250)
            self.say(client, f"RCPT TO:<{USER}>", 250)
            for chunk in [header] + [body[at:at + 7001] for at in range(0, len(body), 7001)]:
                client.send(b"BDAT %d\r\n" % len(chunk) + chunk)
                self.assertEqual(client.getreply()[0], 250)
            self.say(client, "BDAT 0 LAST", 250)
        self.assertEqual(self.row(b"binary@x")[0] & BINARY, BINARY)
        with self.server.imap() as client:
            client.select("INBOX", readonly=True)
            uid = client.uid("SEARCH", "SUBJECT", "binary")[1][0].decode()
            size = client.uid("FETCH", uid, "(BINARY.SIZE[1])")[1][0]
            self.assertIn(b"BINARY.SIZE[1] %d" % len(body), size)
            text = client.uid("FETCH", uid, "(BINARY.PEEK[1])")[1][0][1]
            self.assertEqual(text, body)
