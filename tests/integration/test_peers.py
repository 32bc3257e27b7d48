"""Other mail servers relay to ours, until they have nothing left: what arrives is what they were given.

They run in namespaces, as root; see peers.py."""

import pathlib
import re
import uuid

import harness
import peers
from harness import SMTP, USER

UMLAUTS = "Grüße aus Köln, 你好, Ω".encode()


def header(*lines, sender="sender@example.org"):
    """A complete header with these lines at its end: a relay has nothing to add but Received."""
    return (f"From: <{sender}>\r\nTo: <{USER}>\r\nDate: Mon, 2 Jan 2006 15:04:05 -0700\r\n"
            f"Message-ID: <{uuid.uuid4()}@peer.example>\r\n").encode() + b"".join(line + b"\r\n" for line in lines)


def odd_messages():
    """Name, message, options of MAIL."""
    text = b"Subject: text"
    part = b"--x\r\nContent-Type: text/plain\r\n\r\npart\r\n"
    rows = {
        "short": header(text) + b"\r\nhello\r\n",
        "empty body": header(text) + b"\r\n",
        "one empty line": header(text) + b"\r\n\r\n",
        "empty lines": header(text) + b"\r\n" + b"\r\n" * 50,
        "dots": header(text) + b"\r\n.\r\n..\r\n...\r\n.a\r\na.\r\n.\r\n",
        "dot at the end": header(text) + b"\r\nend\r\n.\r\n",
        "commands": header(text) + b"\r\n.\r\nQUIT\r\nRSET\r\nDATA\r\n",
        "From in the body": header(text) + b"\r\nFrom me\r\n>From you\r\n",
        "white space": header(text) + b"\r\n \r\n\t\r\ntrailing \t \r\n  leading\r\n",
        "line of 998": header(text) + b"\r\n" + b"x" * 998 + b"\r\n",
        "line of 5000": header(text) + b"\r\n" + b"y" * 5000 + b"\r\nz\r\n",
        "lines around a buffer": header(text) + b"\r\n" + b"".join(b"b" * n + b"\r\n" for n in range(4090, 4100)),
        "folded": header(b"Subject: one\r\n two\r\n\tthree", b"X-Fold:\r\n value") + b"\r\nbody\r\n",
        "long header": header(text, *(b"X-Number-%d: %s" % (n, b"v" * 70) for n in range(200))) + b"\r\nbody\r\n",
        "many To": header(b"Cc: " + b",\r\n ".join(b"<a%d@example.org>" % n for n in range(200))) + b"\r\nbody\r\n",
        "multipart": header(b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=x") + b"\r\n" + part * 3 +
                     b"--x--\r\n",
        "large": header(text) + b"\r\n" + b"0123456789abcdefghijklmnopqrstuvwxyz\r\n" * 40000,
        "encoded words": header(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=") + b"\r\nbody\r\n",
        "other results": header(b"Authentication-Results: other.example; dkim=pass") + b"\r\nbody\r\n",
    }
    eight = {
        "8-bit": header(b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8",
                        b"Content-Transfer-Encoding: 8bit") + b"\r\n" + UMLAUTS + b"\r\n",
        "latin-1 and controls": header(b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=iso-8859-1",
                                       b"Content-Transfer-Encoding: 8bit") + b"\r\n" +
                                bytes(n for n in range(1, 256) if n not in (10, 13)) + b"\r\n",
    }
    return [(name, octets, ()) for name, octets in rows.items()] + \
           [(name, octets, ("BODY=8BITMIME",)) for name, octets in eight.items()]


def utf8_messages():
    """What needs SMTPUTF8, for peers that have it."""
    subject = "Subject: Grüße".encode()
    return [
        ("UTF-8 header", header(subject) + b"\r\nbody\r\n", ("SMTPUTF8", "BODY=8BITMIME")),
        ("UTF-8 sender name", header("Comments: Jörg Ω".encode()) + b"\r\n" + UMLAUTS + b"\r\n",
         ("SMTPUTF8", "BODY=8BITMIME")),
        ("UTF-8 header of a part",
         header(b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=x") + b"\r\n--x\r\n" +
         'Content-Disposition: attachment; filename="Ω.txt"'.encode() + b"\r\n\r\na\r\n--x--\r\n",
         ("SMTPUTF8", "BODY=8BITMIME")),
    ]


def message_id_of(octets):
    return re.search(rb"Message-ID: (<[^>]+>)", octets)[1].decode()


class PeerTest(harness.ServerTest):
    """Odd messages through one peer; subclasses name it."""

    peer = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.peer is None:
            return
        try:
            cls.running = cls.peer(cls.server.port(SMTP), cls.server.base + 26).__enter__()
        except BaseException:
            super().tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.peer is not None:
                cls.running.__exit__()
        finally:
            super().tearDownClass()

    def arrived(self):
        """Message-ID and octets of everything in INBOX."""
        found = {}
        with self.server.imap() as client:
            client.select("INBOX", readonly=True)
            _, data = client.fetch("1:*", "(BODY.PEEK[])")
            for part in data:
                if isinstance(part, tuple) and b"@peer.example>" in part[1]:
                    found.setdefault(message_id_of(part[1]), []).append(part[1])
        return found

    def relay(self, rows, recipients=(USER,)):
        for name, octets, options in rows:
            with self.subTest(name):
                self.running.send("sender@example.org", list(recipients), octets, options)
        self.running.wait_until_empty()
        found = self.arrived()
        for name, octets, _ in rows:
            with self.subTest(name):
                copies = found.get(message_id_of(octets), [])
                self.assertEqual(len(copies), 1, self.running.text()[-4000:])
                self.assertTrue(copies[0].endswith(octets), (copies[0][:3000], octets[:2000]))
                # Received fields and what delivery writes, nothing else.
                names = re.findall(rb"^([^\s:]+):", copies[0][:-len(octets)], re.M)
                self.assertEqual(set(names), {b"Delivered-To", b"Return-Path", b"Received"})


    def relay_utf8(self):
        rows = utf8_messages()
        self.relay(rows)
        found = self.arrived()
        for name, octets, _ in rows:
            with self.subTest(name):
                ours = found[message_id_of(octets)][0].split(b"Received:")[1]
                self.assertRegex(ours, rb"with\s+UTF8SMTPS")


class TestPostfixRelays(PeerTest):
    peer = peers.Postfix

    def test_odd_messages(self):
        self.relay(odd_messages())

    def test_smtputf8(self):
        self.relay_utf8()

    def test_many_sessions_of_smtp_source(self):
        """200 sessions at once, 1000 messages."""
        before = len(self.server.message_ids()[0])
        program = peers.FOLDER / "postfix/usr/sbin/smtp-source"
        self.run_client(program, "-s", "200", "-m", "1000", "-l", "4000", "-f", "source@example.org", "-t", USER,
                        f"127.0.0.1:{self.server.port(SMTP)}", timeout_s=240,
                        env={"LD_LIBRARY_PATH": str(peers.FOLDER / "postfix/usr/lib/postfix"), "PATH": "/usr/bin"})
        ids, uids = self.server.message_ids()
        self.assertEqual(len(ids) - before, 1000)
        self.assertEqual(len(set(uids)), len(uids))


class TestEximRelays(PeerTest):
    peer = peers.Exim

    def test_odd_messages(self):
        rows = odd_messages()
        self.relay(rows)
        # K: with BDAT (RFC 3030).
        sent = [line for line in self.running.text().splitlines() if " => " in line]
        self.assertGreaterEqual(len(sent), len(rows))
        self.assertTrue(all(" K " in line for line in sent), sent[0])

    def test_smtputf8(self):
        self.relay_utf8()


class TestOpenSmtpdRelays(PeerTest):
    peer = peers.OpenSmtpd

    def test_odd_messages(self):
        self.relay(odd_messages())


if __name__ == "__main__":
    import unittest
    unittest.main()
