"""`godwit sendmail` as other programs call it: product C26, outbound 22."""

import os
import pathlib
import re
import socket
import subprocess
import tempfile

import harness
import peers
from harness import PASSWORD, SMTP, SUBMISSION, SUBMISSIONS, USER

OK, USAGE, DATAERR, TEMPFAIL, NOPERM, CONFIG = 0, 64, 65, 75, 77, 78

MESSAGE = b"Subject: hello\n\nHi there.\n"


class Sendmail:
    """A home directory with a configuration, and the program by its own name."""

    def __init__(self, **settings):
        self._directory = tempfile.TemporaryDirectory(prefix="godwit-test-sendmail-")
        self.home = pathlib.Path(self._directory.name)
        self.config = self.home / ".config/godwit/sendmail.conf"
        self.config.parent.mkdir(parents=True)
        (self.home / "sendmail").symlink_to(harness.BUILD / "godwit")
        self.configure(**settings)

    def configure(self, **settings):
        """Values are text, but for lists in braces."""
        self.config.write_text("".join(f"{name} = {value}\n" if value[0] == "{" else f'{name} = "{value}"\n'
                                       for name, value in settings.items()))

    def close(self):
        self._directory.cleanup()

    def run(self, *args, octets=MESSAGE, timeout_s=60):
        """Status and what it said on standard error. -C, since a machine may have its own configuration."""
        result = subprocess.run([str(self.home / "sendmail"), "-C", str(self.config), *args], input=octets,
                                capture_output=True, timeout=timeout_s, env=dict(os.environ, HOME=str(self.home)))
        said = result.stderr.decode(errors="replace")
        if harness.SANITIZER.search(said):
            raise AssertionError(said)
        return result.returncode, said

    def dead_letters(self):
        directory = self.home / "dead.letter.d"
        if not directory.exists():
            return []
        if directory.stat().st_mode & 0o777 != 0o700:
            raise AssertionError("others can read the dead letters")
        return [path.read_bytes() for path in sorted(directory.iterdir())]


class TestSendmail(harness.ServerTest):
    def sendmail(self, service=SUBMISSIONS, **more):
        settings = {"host": "localhost", "port": str(self.server.port(service)),
                    "tls": "starttls" if service == SUBMISSION else "immediate", "from": USER,
                    "authorities_file": str(self.server.data / "ca.pem"), "password": PASSWORD}
        settings.update(more)
        sendmail = Sendmail(**{name: value for name, value in settings.items() if value is not None})
        self.addCleanup(sendmail.close)
        return sendmail

    def sent(self, sendmail, *args, octets=MESSAGE):
        """Sends, and gives back what arrived."""
        before = len(self.server.message_ids()[0])
        status, said = sendmail.run(*args, octets=octets)
        self.assertEqual((status, said), (OK, ""))
        with self.server.imap() as client:
            harness.wait_until(lambda: len(self.server.message_ids()[0]) > before, what="the message")
            client.select("INBOX", readonly=True)
            _, data = client.fetch(str(before + 1), "(BODY.PEEK[])")
            return data[0][1]

    def test_argument(self):
        arrived = self.sent(self.sendmail(), USER)
        self.assertRegex(arrived, rb"(?m)^From: .*user@localhost>?\r$")
        for field in (rb"Date: ", rb"Message-ID: <", rb"To: user@localhost\r", rb"Subject: hello\r"):
            self.assertEqual(len(re.findall(rb"(?mi)^" + field, arrived)), 1, arrived)
        self.assertTrue(arrived.endswith(b"\r\n\r\nHi there.\r\n"))

    def test_fields_of_the_header(self):
        arrived = self.sent(self.sendmail(), "-ti", octets=b"From: Some\n One\n <else@example.org>\nTo: user@localhost\n"
                            b"Bcc: hidden@localhost\nSubject: gr\xc3\xbc\xc3\x9fe\n\n.\n\xc3\xbc\n..\n")
        self.assertNotIn(b"hidden@localhost", arrived.split(b"Subject:")[1])
        self.assertRegex(arrived, rb"(?m)^From: Some One <user@localhost>\r$")
        self.assertTrue(arrived.endswith(b"\r\n\r\n.\r\n\xc3\xbc\r\n..\r\n"), arrived)
        self.assertIn(b"Content-Type: text/plain; charset=utf-8\r\n", arrived)

    def test_every_mechanism(self):
        for service in (SUBMISSION, SUBMISSIONS):
            for auth in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN",
                         "LOGIN"):
                with self.subTest(service=service, auth=auth):
                    self.sent(self.sendmail(service, auth=auth), USER)

    def test_password_file_and_sender(self):
        sendmail = self.sendmail(password=None, password_file="~/password")
        (sendmail.home / "password").write_text(PASSWORD + "\n")
        arrived = self.sent(sendmail, "-f", "other@example.org", USER)
        self.assertIn(b"Return-Path: <user@localhost>", arrived)

    def test_default_destination(self):
        self.assertEqual(self.sendmail().run("root")[0], DATAERR)
        self.sent(self.sendmail(default_destination=USER), "root")

    def test_pinned_key(self):
        certificate = self.server.data / "localhost.pem"
        key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True,
                             capture_output=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True,
                             capture_output=True).stdout
        pin = subprocess.run(["sha256sum"], input=der, check=True, capture_output=True).stdout.split()[0].decode()
        self.sent(self.sendmail(authorities_file=None, key_sha256=pin, host="127.0.0.1"), USER)
        self.kept(self.sendmail(authorities_file=None, key_sha256="00" * 32), TEMPFAIL, "certificate")

    def kept(self, sendmail, status, pattern, *args, octets=MESSAGE):
        """Fails with that status, says so, and keeps the message."""
        result, said = sendmail.run(*(args or (USER,)), octets=octets)
        self.assertEqual(result, status, said)
        self.assertRegex(said, pattern)
        self.assertIn("dead.letter.d", said)
        self.assertNotIn(PASSWORD, said)
        letters = sendmail.dead_letters()
        self.assertEqual(len(letters), 1)
        self.assertTrue(letters[0].startswith(b"X-Dead-Letter-From: <"), letters[0])
        self.assertTrue(letters[0].endswith(b"\r\n\r\nHi there.\r\n"), letters[0])
        return letters[0]

    def test_failures(self):
        self.kept(self.sendmail(password="wrong password"), NOPERM, "user or password are wrong")
        self.kept(self.sendmail(password="wrong password", auth="PLAIN"), NOPERM, "535 5.7.8")
        self.kept(self.sendmail(authorities_file=None), TEMPFAIL, "certificate is not accepted")
        self.kept(self.sendmail(host="127.0.0.2"), TEMPFAIL, "cannot connect|not accepted|did not answer")
        self.kept(self.sendmail(host="host.invalid"), TEMPFAIL, "cannot find the host")

    def test_server_down(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.kept(self.sendmail(host="127.0.0.1", port=str(closed.getsockname()[1])), TEMPFAIL, "cannot connect")

    def test_a_dead_letter_again(self):
        sendmail = self.sendmail(password="wrong password")
        self.kept(sendmail, NOPERM, "wrong")
        arrived = self.sent(self.sendmail(), USER, octets=sendmail.dead_letters()[0])
        self.assertNotIn(b"X-Dead-Letter", arrived)
        self.assertTrue(arrived.endswith(b"\r\n\r\nHi there.\r\n"))

    def test_nowhere_to_keep_it(self):
        """Then it is on standard error: lost it is never."""
        sendmail = self.sendmail(password="wrong password")
        (sendmail.home / "dead.letter.d").write_text("")
        fallback = pathlib.Path(f"/var/tmp/godwit-dead-letters-{os.getuid()}")
        there = set(fallback.iterdir()) if fallback.exists() else set()
        status, said = sendmail.run(USER)
        self.assertEqual(status, NOPERM)
        new = set(fallback.iterdir()) - there
        self.assertEqual(len(new), 1, said)
        self.assertIn(str(*new), said)
        self.assertTrue(new.pop().read_bytes().endswith(b"Hi there.\r\n"))
        for path in set(fallback.iterdir()) - there:
            path.unlink()

    def test_nothing_is_taken_before_an_error(self):
        for settings, args, status in (({"tls": "sometimes"}, (USER,), CONFIG), ({}, ("-bs",), USAGE), ({}, (), USAGE),
                                       ({"password_file": "/dev/null"}, (USER,), CONFIG),
                                       ({}, ("<@>",), DATAERR)):
            sendmail = self.sendmail(**settings)
            result, said = sendmail.run(*args)
            self.assertEqual(result, status, said)
            self.assertEqual(sendmail.dead_letters(), [])
            self.assertNotIn(PASSWORD, said)

    def test_nothing_to_do(self):
        for args in (("-bp",), ("-bi",), ("-q",)):
            self.assertEqual(self.sendmail().run(*args)[0], OK)

    def test_as_a_command(self):
        sendmail = self.sendmail()
        result = subprocess.run([self.server.program, "sendmail", "-C", str(sendmail.config), USER], input=MESSAGE,
                                capture_output=True, timeout=60)
        self.assertEqual((result.returncode, result.stderr), (OK, b""))

    def test_the_example(self):
        example = self.server.command("config", "describe-sendmail").stdout
        self.assertIn('\nhost = "mail.example.org"\n', example)

    def test_setgid(self):
        """It is sendmail and nothing else, and takes no configuration from who calls it."""
        sendmail = self.sendmail()
        as_group = "import os, sys; os.setresgid(0, 1, 1); os.execv(sys.argv[1], sys.argv[1:])"
        for args, status, said in ((("version",), 1, "it is only sendmail"),
                                   (("sendmail", "-C", str(sendmail.config), USER), NOPERM, "-C is refused")):
            result = subprocess.run(["/usr/bin/python3", "-c", as_group, self.server.program, *args], input=MESSAGE,
                                    capture_output=True, timeout=60)
            self.assertEqual((result.returncode, said in result.stderr.decode()), (status, True), result.stderr)


class TestSendmailThroughPostfix(harness.ServerTest):
    """Our client and somebody else's server."""

    def test_relay(self):
        with peers.Postfix(self.server.port(SMTP), self.server.base + 26) as postfix:
            sendmail = Sendmail(host="127.0.0.1", port=str(postfix.port), tls="none",
                                allow_from='{"other@example.org"}', **{"from": "sender@example.org"})
            self.addCleanup(sendmail.close)
            octets = b"Subject: one\n\n.\n\xc3\xbc\n" + b"x" * 2000 + b"\n"
            for args in ((USER,), ("-f", "other@example.org", USER, "second@localhost", "third@localhost")):
                status, said = sendmail.run("-i", *args, octets=octets)
                self.assertEqual((status, said), (OK, ""))
            postfix.wait_until_empty()
            harness.wait_until(lambda: self.subjects().count("one") >= 2, what="the messages")
            with self.server.imap() as client:
                client.select("INBOX", readonly=True)
                _, data = client.fetch("1:*", "(BODY.PEEK[])")
                bodies = [part[1] for part in data if isinstance(part, tuple)]
            self.assertTrue(any(b"Return-Path: <other@example.org>" in body for body in bodies))
            self.assertTrue(all(b"Content-Transfer-Encoding: quoted-printable" in body for body in bodies))
