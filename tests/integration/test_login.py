"""Logging in with the programs that people use, by every mechanism, at submission and IMAP."""

import base64
import contextlib
import hashlib
import hmac
import imaplib
import re
import smtplib
import ssl

import harness
from harness import IMAP, IMAPS, PASSWORD, SUBMISSION, SUBMISSIONS, USER
from test_smtp_clients import new_id

ACCOUNT = "user"


class TestGsasl(harness.ServerTest):
    """GNU SASL's own client, which also binds to the channel."""

    def gsasl(self, kind, service, mechanism, *more, password=PASSWORD, status=0):
        certificate = self.server.directory / "certificate"
        certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port(IMAPS))))
        return self.run_client("gsasl", f"--{kind}", "--connect", f"127.0.0.1:{self.server.port(service)}",
                               "--mechanism", mechanism, "--authentication-id", USER, "--authorization-id", USER,
                               "--password", password, "--hostname", "localhost", "--service", kind, "--verbose",
                               f"--x509-ca-file={certificate}", *more, status=status, timeout_s=120)

    def test_all_mechanisms_with_starttls(self):
        for kind, service in (("smtp", SUBMISSION), ("imap", IMAP)):
            for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
                with self.subTest(f"{kind} {mechanism}"):
                    self.gsasl(kind, service, mechanism, "--no-cb")

    def test_bound_to_the_channel(self):
        for kind, service in (("smtp", SUBMISSION), ("imap", IMAP)):
            for mechanism in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"):
                with self.subTest(f"{kind} {mechanism}"):
                    output = self.gsasl(kind, service, mechanism)
                    self.assertNotIn("dont-match", output)

    def test_wrong_password(self):
        for kind, service in (("smtp", SUBMISSION), ("imap", IMAP)):
            for mechanism in ("CRAM-MD5", "SCRAM-SHA-256"):
                with self.subTest(f"{kind} {mechanism}"):
                    self.gsasl(kind, service, mechanism, "--no-cb", password="wrong", status=1)


class TestOtherClients(harness.ServerTest):
    def test_swaks(self):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            with self.subTest(mechanism):
                message_id = new_id()
                self.run_client("swaks", "--server", "127.0.0.1", "--port", str(self.server.port(SUBMISSION)), "--tls",
                                "--helo", "client.example", "--from", USER, "--to", USER, "--auth", mechanism,
                                "--auth-user", USER, "--auth-password", PASSWORD, "--header",
                                f"Message-Id: {message_id}", "--header", f"From: {USER}", "--timeout", "30")
                self.wait_for_message(message_id)

    def test_msmtp(self):
        for mechanism in ("plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"):
            with self.subTest(mechanism):
                message_id = new_id()
                message = f"From: {USER}\nTo: {USER}\nMessage-ID: {message_id}\n\nHello.\n"
                self.run_client("msmtp", "--host=127.0.0.1", f"--port={self.server.port(SUBMISSION)}",
                                f"--from={USER}", f"--auth={mechanism}", f"--user={USER}",
                                f"--passwordeval=echo {PASSWORD}", "--tls=on", "--tls-certcheck=off",
                                "--tls-starttls=on", "--", USER, stdin=None, input=message)
                self.wait_for_message(message_id)

    def test_curl(self):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            with self.subTest(mechanism):
                self.run_client("curl", "--silent", "--show-error", "--insecure",
                                f"imaps://127.0.0.1:{self.server.port(IMAPS)}/", "--user", f"{USER}:{PASSWORD}",
                                "--login-options", f"AUTH={mechanism}", "--request", "NOOP")

    def test_imaplib_cram_md5(self):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.port(IMAPS), ssl_context=harness.insecure_tls())
        with contextlib.closing(client.sock):
            self.assertEqual(client.login_cram_md5(USER, PASSWORD)[0], "OK")
            self.assertEqual(client.select()[0], "OK")

    def test_mbsync(self):
        """Through the modules of Cyrus SASL."""
        config, certificate = self.server.directory / "mbsyncrc", self.server.directory / "certificate"
        certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port(IMAPS))))
        (self.server.directory / "near").mkdir()
        for mechanism in ("PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            with self.subTest(mechanism):
                config.write_text(f"IMAPStore far\nHost 127.0.0.1\nPort {self.server.port(IMAPS)}\nUser {USER}\n"
                                  f"Pass {PASSWORD}\nAuthMechs {mechanism}\nSSLType IMAPS\n"
                                  f"CertificateFile {certificate}\n\n"
                                  f"MaildirStore near\nPath {self.server.directory}/near/\n"
                                  f"Inbox {self.server.directory}/near/INBOX\nSubFolders Verbatim\n\n"
                                  "Channel all\nFar :far:\nNear :near:\nPatterns *\n")
                self.assertIn("INBOX", self.run_client("mbsync", "--config", str(config), "--list", "all"))


def scram(client, user, password, extension=b""):
    """SCRAM-SHA-256 over smtplib, written for this test; the code of the last reply."""
    bare = b"n=" + user.encode() + b",r=client+nonce" + extension
    code, reply = client.docmd("AUTH", "SCRAM-SHA-256 " + base64.b64encode(b"n,," + bare).decode())
    if code != 334:
        return code
    first = base64.b64decode(reply)
    parts = dict(part.split(b"=", 1) for part in first.split(b","))
    final = b"c=biws,r=" + parts[b"r"] + extension
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts[b"s"]), int(parts[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), b",".join((bare, first, final)), "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    code, _ = client.docmd(base64.b64encode(final + b",p=" + base64.b64encode(proof)).decode())
    return client.docmd("")[0] if code == 334 else code


class TestAppPasswords(harness.ServerTest):
    def log_in(self, password):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.server.port(IMAPS), ssl_context=harness.insecure_tls())
        client.login(USER, password)
        return client

    def submit(self, password):
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=harness.insecure_tls()) as client:
            client.ehlo()
            return scram(client, USER, password)

    def test_life(self):
        phone = self.server.command("config", "app-password", "add", ACCOUNT, "phone", "imap").stdout.strip()
        laptop = self.server.command("config", "app-password", "add", ACCOUNT, "my laptop").stdout.strip()
        self.assertRegex(phone, r"^([a-z2-9]{4}-){6}[a-z2-9]{4}$")
        live = self.log_in(phone)
        self.assertEqual(self.submit(laptop), 235)
        self.assertEqual(self.submit(PASSWORD), 235)
        self.assertEqual(self.submit(phone), 535)
        listing = harness.wait_until(
            lambda: (lambda text: text if text.count("last used 20") == 2 else None)(
                self.server.command("config", "app-password", "list", ACCOUNT).stdout), what="last use")
        self.assertRegex(listing, r"(?m)^phone: imap created 20.*, expires never$")
        self.assertRegex(listing, r"(?m)^my laptop: imap,submission created ")
        self.assertNotIn(phone, listing)
        self.server.command("config", "app-password", "rm", ACCOUNT, "phone")
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            for _ in range(100):
                live.noop()
        with self.assertRaises(imaplib.IMAP4.error):
            self.log_in(phone)
        self.assertEqual(self.server.command("config", "app-password", "add", ACCOUNT, "x", "pop3",
                                             check=False).returncode, 1)

    def test_record_of_attempts(self):
        with self.assertRaises(imaplib.IMAP4.error):
            self.log_in("not the password")
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=harness.insecure_tls()) as client:
            client.ehlo()
            self.assertEqual(client.docmd("AUTH", "PLAIN")[0], 334)
            self.assertEqual(client.docmd("*")[0], 501)
            self.assertEqual(scram(client, "nobody@elsewhere.example", "x"), 535)
        for line in (r"badpassword user imap login from 127\.0\.0\.1, \d+ times: user@localhost",
                     r"aborted - submission plain from 127\.0\.0\.1, \d+ times: ",
                     r"baduser - submission scram-sha-256 from 127\.0\.0\.1, \d+ times: nobody@elsewhere.example"):
            harness.wait_until(lambda line=line: re.search(
                line, self.server.command("config", "login-attempts").stdout), what=line)
        only = self.server.command("config", "login-attempts", ACCOUNT).stdout
        self.assertNotIn("nobody", only)
        self.assertTrue([x for x in self.server.log_lines if 'm="login attempt"' in x and "result=baduser" in x])
        self.assertFalse([x for x in self.server.log_lines if "not the password" in x])


class TestScramByHand(harness.ServerTest):
    def test_extensions(self):
        """Acceptance 118: extensions that nobody knows."""
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=harness.insecure_tls()) as client:
            client.ehlo()
            self.assertEqual(scram(client, USER, PASSWORD, b",x=1,y=2"), 235)


class TestNames(harness.ServerTest):
    """Acceptance 84, 86, 90, 93, 101, 103: who is meant, and how it may be written."""

    NFC, NFD = "b\u00f3b@localhost", "bo\u0301b@localhost"
    PASSWORD = "a good passwo\u0301rd"  # prepared before it is stored: either form is right
    PREPARED = "a good passw\u00f3rd"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.command("config", "account", "add", "bob", cls.NFC)
        cls.server.command("config", "alias", "add", "team@localhost", cls.NFC, USER)
        cls.server.command("setaccountpassword", "bob", stdin=cls.PASSWORD)

    def say(self, *lines):
        """Codes of the replies on a connection of its own."""
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=harness.insecure_tls()) as client:
            client.ehlo()
            return [client.docmd(line)[0] for line in lines]

    @staticmethod
    def plain(user, password, authzid=""):
        return base64.b64encode("\0".join((authzid, user, password)).encode()).decode()

    def test_forms_of_a_name(self):
        for user in (self.NFC, self.NFD):
            for password in (self.PASSWORD, self.PREPARED):
                with self.subTest(user=user, password=password):
                    self.assertEqual(self.say("AUTH PLAIN " + self.plain(user, password)), [235])

    def test_who_is_no_user(self):
        for user in ("team@localhost", "postmaster", "bob", "team@localhost\x01", "*", "", "user@localhost."):
            with self.subTest(user=user):
                self.assertEqual(self.say("AUTH PLAIN " + self.plain(user, PASSWORD)), [535])
                self.assertEqual(self.say("AUTH PLAIN " + self.plain(USER, PASSWORD)), [235])

    def test_acting_for_another(self):
        self.assertEqual(self.say("AUTH PLAIN " + self.plain(USER, PASSWORD, USER)), [235])
        self.assertEqual(self.say("AUTH PLAIN " + self.plain(USER, PASSWORD, self.NFC)), [535])

    def test_two_spaces(self):
        self.assertEqual(self.say("AUTH PLAIN  " + self.plain(USER, PASSWORD)), [235])

    def test_long_response(self):
        self.assertEqual(self.say("AUTH PLAIN", "A" * 8000, "NOOP"), [334, 501, 250])

    def test_pipelined(self):
        """Commands behind a login are commands, those behind a challenge are its answer."""
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=harness.insecure_tls()) as client:
            client.ehlo()
            client.send(f"AUTH PLAIN {self.plain(USER, PASSWORD)}\r\nNOOP\r\nAUTH PLAIN =\r\n")
            self.assertEqual([client.getreply()[0] for _ in range(3)], [235, 250, 503])
