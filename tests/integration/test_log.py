"""Row 81 of the faults: what peers say cannot forge a line of the log, and no secret gets into it at any level."""

import base64
import contextlib
import json
import re
import socket

import harness

FORGED = b"l=warn m=forged"
SECRET = "Never-in-the-log-5417"

# What a line of a protocol can carry; a user name and a field of the header may hold line ends too.
NASTY = (b"a\r" + FORGED, b"a\0" + FORGED, b"a\x1b[2J\x1b]0;x\x07" + FORGED, b'"a\\" ' + FORGED + b' x="', b"a=" + FORGED,
         b"\xff\xfe\x80\xc0\xaf" + FORGED, "\u263a\u2028\u2029\x85\x7f".encode() + FORGED, FORGED + b"x" * 2000)
LINE_ENDS = (b"a\r\n" + FORGED, b"a\n" + FORGED + b"\n")

PAIR = r'[a-z][a-z0-9_]*=(?:[^\s"=\\\x00-\x1f\x7f-\uffff]*|"(?:[^"\\\x00-\x1f\x7f-\uffff]|\\["\\nrt]|\\u[0-9a-f]{4})*")'
LOGFMT = re.compile(rf"{PAIR}(?: {PAIR})*")


def encoded(octets):
    return base64.b64encode(octets)


class LogTest(harness.ServerTest):
    log_format = levels = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        text = cls.server.config.read_text()
        old = '    levels = "info"\n'
        assert old in text
        new = f'    levels = "{cls.levels}"\n    format = "{cls.log_format}"\n'
        cls.server.config.write_text(text.replace(old, new))
        cls.server.start()

    def lines(self):
        """What was logged since the server was ready for this class."""
        found = list(self.server.log_lines)
        return found[len(found) - found[::-1].index("ready"):]

    def talk(self, service, *lines):
        """Sends lines, one after the other, whatever the answers are."""
        with contextlib.suppress(ConnectionError), \
                socket.create_connection(("127.0.0.1", self.server.port(service)), 20) as client:
            if service != harness.HTTP:
                client.recv(1000)
            for line in lines:
                client.sendall(line + b"\r\n")
                if not client.recv(4000):
                    return

    def say_nasty_things(self):
        for text in NASTY:
            for line in (b"EHLO " + text, b"HELO " + text, text):
                self.talk(harness.SMTP, line)
            for line in (b"MAIL FROM:<" + text + b">", b'MAIL FROM:<"' + text + b'"@b.example>', b"VRFY " + text):
                self.talk(harness.SMTP, b"EHLO c.example", line)
            self.talk(harness.SMTP, b"EHLO c.example", b"MAIL FROM:<a@b.example>", b"RCPT TO:<" + text + b"@localhost>")
            self.talk(harness.SMTP, b"EHLO c.example", b"MAIL FROM:<a@b.example>", b'RCPT TO:<"' + text + b'"@localhost>')
            self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH " + text)
            self.talk(harness.IMAP, text, b"a " + text, b'a LOGIN "' + text.replace(b'"', b"") + b'" x', b"a AUTHENTICATE " + text)
            self.talk(harness.HTTP, b"GET /" + text + b" HTTP/1.1\r\nHost: " + text + b"\r\nUser-Agent: " + text + b"\r\n")
        for text in (*NASTY, *LINE_ENDS):
            self.talk(harness.SMTP, b"EHLO c.example", b"MAIL FROM:<a@b.example>", f"RCPT TO:<{harness.USER}>".encode(),
                      b"DATA", b"From: <a@b.example>\r\nMessage-ID: <" + text + b">\r\nSubject: " + text + b"\r\n\r\nx\r\n.")
            self.log_in(text, SECRET)

    def log_in(self, user, password):
        secret = password.encode()
        plain = encoded(b"\0" + user.replace(b"\0", b"") + b"\0" + secret)
        scram = encoded(b"n,,n=" + user.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=0123456789abcdef")
        cram = encoded(user + b" " + b"0" * 32)
        self.blobs |= {plain, encoded(secret), scram, cram}
        self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH PLAIN " + plain)
        self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH PLAIN", plain)
        self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH LOGIN", encoded(user), encoded(secret))
        self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH SCRAM-SHA-256 " + scram, encoded(secret))
        self.talk(harness.SUBMISSION, b"EHLO c.example", b"AUTH CRAM-MD5", cram)
        self.talk(harness.IMAP, b"a LOGIN {%d+}\r\n" % len(user) + user + b' "' + secret + b'"')
        self.talk(harness.IMAP, b"a AUTHENTICATE PLAIN " + plain)

    def parse(self, line):
        """The record's keys, in order."""
        if self.log_format == "json":
            self.assertTrue(line.isascii() and line.isprintable(), line)
            keys = [key for key, _ in json.loads(line, object_pairs_hook=list)]
        else:
            self.assertTrue(LOGFMT.fullmatch(line), line)
            keys = [pair.partition("=")[0] for pair in re.findall(rf"{PAIR}(?= |$)", line)]
        self.assertEqual(len(keys), len(set(keys)), line)
        return keys

    def check(self):
        self.blobs = set()
        self.say_nasty_things()
        self.log_in(harness.USER.encode(), harness.PASSWORD)
        self.server.deliver("ends the log", sender=harness.USER, service=harness.SUBMISSION)
        lines = self.lines()
        for line in lines:
            self.assertEqual(self.parse(line)[1:3], ["l", "m"], line)
            self.assertNotRegex(line, r"^\S+ l=error|^\{[^,]*,\"l\":\"error\"")
        text = "\n".join(lines)
        self.assertIn("m=forged", text, "what peers said is not in the log at all")
        for secret in (SECRET, harness.PASSWORD, *(blob.decode() for blob in self.blobs)):
            self.assertNotIn(secret[:1000], text)


class TestLogfmtTrace(LogTest):
    log_format, levels = "logfmt", "trace"

    def test_row_81_log_injection(self):
        self.check()


class TestJsonDebug(LogTest):
    log_format, levels = "json", "info,smtp=debug,imap=debug,store=trace,web=trace"

    def test_row_81_log_injection(self):
        self.check()
