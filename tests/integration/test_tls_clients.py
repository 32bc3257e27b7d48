"""Logging in with TLS client certificates: acceptance rows 56 to 76 of SMTP, I20 to I25 of IMAP, faults 10 to 16."""

import contextlib
import imaplib
import pathlib
import re
import smtplib
import socket
import ssl
import subprocess

import harness
from harness import CLIENT_TIMEOUT_S, IMAP, IMAPS, PASSWORD, SMTP, SUBMISSION, SUBMISSIONS, USER, wait_until
from test_smtp_clients import new_id

BOB, OTHER = "bob@localhost", "other@localhost"  # another account; another address of user
BAD_CERTIFICATE, INTERNAL_ERROR = "BAD_CERTIFICATE", "INTERNAL_ERROR"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True,
                          timeout=CLIENT_TIMEOUT_S).stdout


class Key:
    """A private key and a certificate in files."""

    def __init__(self, directory, name, algorithm=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), more=()):
        self.key, self.certificate = directory / f"{name}.key", directory / f"{name}.pem"
        openssl("req", "-x509", "-nodes", "-newkey", *algorithm, "-keyout", self.key, "-out", self.certificate,
                "-subj", f"/CN={name}", *more)

    def expire(self):
        """Ten years ago; so its signature is wrong as well."""
        der = openssl("x509", "-in", self.certificate, "-outform", "DER")
        der, n = re.subn(rb"\x17\x0d\d{12}Z\x17\x0d\d{12}Z", b"\x17\x0d150101000000Z\x17\x0d160101000000Z", der)
        assert n == 1
        openssl("x509", "-inform", "DER", "-out", self.certificate, stdin=der)

    def context(self, version=None):
        context = harness.insecure_tls()
        context.load_cert_chain(self.certificate, self.key)
        if version:
            context.minimum_version = context.maximum_version = version
        return context


class KeyTest(harness.ServerTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.command("config", "account", "add", "bob", BOB)
        cls.server.command("setaccountpassword", "bob", stdin=PASSWORD + "\n")
        cls.server.command("config", "address", "add", OTHER, "user")
        cls.directory = cls.server.directory

    @classmethod
    def register(cls, key, address=USER, *flags):
        """The fingerprint."""
        return cls.server.command("config", "tlspubkey", "add", *flags, address,
                                  stdin=pathlib.Path(key.certificate).read_text()).stdout.strip()

    @classmethod
    def new_key(cls, name, address=USER, *flags, **more):
        key = Key(cls.directory, name, **more)
        key.fingerprint = cls.register(key, address, *flags)
        return key

    def connect(self, service, context, session=None):
        """A TLS connection, after STARTTLS where there is one."""
        plain = socket.create_connection(("127.0.0.1", self.server.port(service)), timeout=CLIENT_TIMEOUT_S)
        if service in (SUBMISSION, SMTP, IMAP):
            plain.recv(4096)
            if service != IMAP:
                plain.sendall(b"EHLO client.example\r\n")
                plain.recv(4096)
            plain.sendall(b"1 STARTTLS\r\n" if service == IMAP else b"STARTTLS\r\n")
            plain.recv(4096)
        try:
            return context.wrap_socket(plain, session=session)
        except BaseException:
            plain.close()
            raise

    def assertRefused(self, service, context, alert):
        """The handshake fails with that alert; with TLS 1.3 the client hears it when it reads."""
        with self.assertRaises(ssl.SSLError) as caught:
            with self.connect(service, context) as client:
                self.assertEqual(client.recv(4096), b"")
                self.fail("closed without an alert")
        self.assertIn(alert, str(caught.exception))

    def smtp(self, service, context):
        if service == SUBMISSIONS:
            client = smtplib.SMTP_SSL("127.0.0.1", self.server.port(service), "client.example",
                                      timeout=CLIENT_TIMEOUT_S, context=context)
        else:
            client = smtplib.SMTP("127.0.0.1", self.server.port(service), "client.example", timeout=CLIENT_TIMEOUT_S)
            client.starttls(context=context)
        client.ehlo()
        return client

    def imap(self, context):
        return imaplib.IMAP4_SSL("127.0.0.1", self.server.port(IMAPS), ssl_context=context, timeout=CLIENT_TIMEOUT_S)

    def assertSubmits(self, client, sender=USER):
        message_id = new_id()
        message = harness.new_message("by certificate", sender=sender, message_id=message_id)
        client.sendmail(sender, [USER], message.as_bytes())
        self.wait_for_message(message_id)
        return message_id

    def received(self, message_id):
        with self.server.imap() as client:
            client.select(readonly=True)
            _, [numbers] = client.search(None, "HEADER", "Message-ID", f'"{message_id}"')
            _, data = client.fetch(numbers.split()[-1], "(BODY.PEEK[HEADER.FIELDS (RECEIVED)])")
            return data[0][1].decode()

    def attempts(self, *needed):
        return [line for line in self.server.log_lines
                if 'm="login attempt"' in line and "authmech=tlsclientauth" in line and
                all(part in line for part in needed)]

    def assertRecorded(self, *needed):
        wait_until(lambda: self.attempts(*needed), what=f"a record with {needed}")


class TestKeySubmission(KeyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.new_key("submission")

    def external(self, client, address=""):
        return client.docmd("AUTH", f"EXTERNAL {smtplib.encode_base64(address.encode(), eol='') if address else '='}")[0]

    def test_056_external_on_465(self):
        for address in ("", USER, OTHER):
            with self.subTest(address), self.smtp(SUBMISSIONS, self.key.context()) as client:
                self.assertEqual(client.esmtp_features["auth"].split()[0], "EXTERNAL")
                self.assertEqual(self.external(client, address), 235)
                self.assertSubmits(client)

    def test_057_another_mechanism_of_the_same_account(self):
        with self.smtp(SUBMISSIONS, self.key.context()) as client:
            client.login(OTHER, PASSWORD)
            self.assertSubmits(client, OTHER)
            self.assertEqual(self.external(client), 503)  # only once

    def test_058_another_account(self):
        with self.smtp(SUBMISSIONS, self.key.context()) as client:
            self.assertEqual(self.external(client, BOB), 535)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                client.login(BOB, PASSWORD)
            self.assertEqual(caught.exception.smtp_code, 535)
            self.assertSubmits(client)  # the certificate still counts

    def test_059_external_after_starttls(self):
        with self.smtp(SUBMISSION, self.key.context()) as client:
            self.assertEqual(self.external(client), 235)
            self.assertSubmits(client)

    def test_062_no_auth_at_all(self):
        for service in (SUBMISSION, SUBMISSIONS):
            with self.subTest(service), self.smtp(service, self.key.context()) as client:
                self.assertIn("ESMTPSA", self.received(self.assertSubmits(client)))
        self.assertRecorded("result=ok", f"tlspubkeyfp={self.key.fingerprint}", "protocol=submission")

    def test_069_external_without_certificate(self):
        with smtplib.SMTP("127.0.0.1", self.server.port(SUBMISSION), timeout=CLIENT_TIMEOUT_S) as client:
            client.ehlo()
            self.assertEqual(self.external(client), 538)
        with self.smtp(SUBMISSIONS, harness.insecure_tls()) as client:
            self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
            self.assertEqual(self.external(client), 535)
            self.assertEqual(client.docmd("MAIL", f"FROM:<{USER}>")[0], 530)
        with self.smtp(SUBMISSIONS, self.key.context()) as client:
            self.assertEqual(self.external(client, "nobody@elsewhere.example"), 535)

    def test_curl(self):
        message_id = new_id()
        message = harness.new_message("curl", sender=USER, message_id=message_id)
        self.run_client("curl", "--silent", "--show-error", "--insecure", "--cert", self.key.certificate, "--key",
                        self.key.key, f"smtps://127.0.0.1:{self.server.port(SUBMISSIONS)}", "--mail-from", USER,
                        "--mail-rcpt", USER, "--user", f"{USER}:", "--login-options", "AUTH=EXTERNAL",
                        "--upload-file", "-", stdin=None, input=message.as_string())
        self.wait_for_message(message_id)


class TestKeyCertificates(KeyTest):
    """What of a certificate counts: its key, and nothing else."""

    def assertLogsIn(self, context):
        with self.imap(context) as client:
            self.assertEqual(client.state, "AUTH")

    def test_063_nothing_but_the_key_counts(self):
        same = ("-addext", "extendedKeyUsage=serverAuth,codeSigning")
        for name, more in (("expired", {}), ("usage", {"more": same}),
                           ("ed25519", {"algorithm": ("ed25519",)}),
                           ("p384", {"algorithm": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384")}),
                           ("p521", {"algorithm": ("ec", "-pkeyopt", "ec_paramgen_curve:P-521")}),
                           ("rsa", {"algorithm": ("rsa:2048",)})):
            for version in VERSIONS:
                with self.subTest(f"{name} {version}"):
                    key = Key(self.directory, f"{name}-{version}", **more)
                    if name == "expired":
                        key.expire()
                    self.register(key)
                    self.assertLogsIn(key.context(version))

    def test_another_certificate_of_the_same_key(self):
        key = self.new_key("renewed")
        openssl("req", "-x509", "-key", key.key, "-out", key.certificate, "-subj", "/CN=somebody else")
        self.assertLogsIn(key.context())

    def test_063_junk_in_the_chain(self):
        key, junk = self.new_key("chain"), Key(self.directory, "junk")
        with open(key.certificate, "a") as chain:
            chain.write(junk.certificate.read_text() * 3)
        self.assertLogsIn(key.context())

    def test_chain_bomb(self):
        key = self.new_key("bomb")
        with open(key.certificate, "a") as chain:
            chain.write(key.certificate.read_text() * 280)
        for version in VERSIONS:
            with self.subTest(version):
                self.assertRefused(IMAPS, key.context(version), "ILLEGAL_PARAMETER")

    def test_061_unknown_key(self):
        """And row 76, I25."""
        key = Key(self.directory, "unknown")
        for service in (SUBMISSIONS, IMAPS, SUBMISSION, IMAP):
            for version in VERSIONS:
                with self.subTest(f"{service} {version}"):
                    self.assertRefused(service, key.context(version), BAD_CERTIFICATE)
        self.assertRecorded("result=badcreds", 'account=-')

    def test_068_certificate_of_somebody_else(self):
        """The private key is not the certificate's, though the file says so."""
        owner, thief = self.new_key("owner"), Key(self.directory, "thief")
        der = [openssl("ec", "-in", k.key, "-outform", "DER") for k in (owner, thief)]
        self.assertEqual([d[5:7] for d in der], [b"\x04\x20"] * 2)  # the private number, 32 octets
        forged = der[0][:7] + der[1][7:39] + der[0][39:]
        owner.key.write_bytes(openssl("ec", "-inform", "DER", stdin=forged))
        for service in (IMAPS, SUBMISSIONS, SUBMISSION):
            for version in VERSIONS:
                with self.subTest(f"{service} {version}"):
                    self.assertRefused(service, owner.context(version), "DECRYPT_ERROR")
        self.assertRecorded("result=badcreds", "account=user")
        self.assertFalse(self.attempts("result=ok", f"tlspubkeyfp={owner.fingerprint}"))

    def test_store_is_away(self):
        """An answer that cannot be had is not a refusal of the key."""
        key = self.new_key("away")
        [store] = self.server.pids("store")
        self.server.expect_error("process ended")
        subprocess.run(["kill", "-STOP", str(store)], check=True)
        try:
            subprocess.run(["kill", "-KILL", str(store)], check=True)
            with contextlib.suppress(ssl.SSLError, OSError):
                self.assertLogsIn(key.context())
        finally:
            wait_until(lambda: self.server.pids("store"), what="a store")
        wait_until(lambda: self.logs_in(key), what="a login after the restart")

    def logs_in(self, key):
        with contextlib.suppress(ssl.SSLError, OSError, imaplib.IMAP4.error):
            self.assertLogsIn(key.context())
            return True
        return False

    def test_registration(self):
        """Row 72, C22."""
        rsa = Key(self.directory, "short", algorithm=("rsa:1024",))
        good = Key(self.directory, "good")
        text = good.certificate.read_text()
        for what, stdin, address in (("RSA 1024", rsa.certificate.read_text(), USER), ("two blocks", text + text, USER),
                                     ("a private key", good.key.read_text(), USER),
                                     ("no such address", text, "nobody@elsewhere.example"),
                                     ("not as it is written", text, "User@localhost"), ("nothing", "", USER)):
            with self.subTest(what):
                result = self.server.command("config", "tlspubkey", "add", address, stdin=stdin, check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertTrue(result.stderr.startswith("godwit: "), result.stderr)
        fingerprint = self.register(good)
        for address in (USER, BOB):
            self.assertEqual(self.server.command("config", "tlspubkey", "add", address, stdin=text,
                                                 check=False).returncode, 1)
        self.assertEqual(self.server.command("config", "address", "rm", USER, check=False).returncode, 1)
        self.assertIn(fingerprint, self.server.command("config", "tlspubkey", "list", "user").stdout)


class TestKeyImap(KeyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.new_key("preauth")
        cls.explicit = cls.new_key("explicit", USER, "--no-imap-preauth")

    def authenticate(self, client, mechanism, message):
        return client.authenticate(mechanism, lambda _: message)[0]

    def test_074_preauth(self):
        """I23, I24: also with a resumed session."""
        for version in VERSIONS:
            with self.subTest(version):
                context = self.key.context(version)
                with self.imap(context) as client:
                    self.assertEqual(client.state, "AUTH")
                    self.assertIn(b"PREAUTH", client.welcome)
                    self.assertEqual(client.select()[0], "OK")
                    session = client.sock.session
                    client.send(b"9 AUTHENTICATE EXTERNAL =\r\n")
                    self.assertRegex(self.line_of(client, b"9 "), rb"^9 NO ")
                with self.connect(IMAPS, context, session) as client:
                    self.assertTrue(client.session_reused)
                    self.assertRegex(client.recv(4096), rb"^\* PREAUTH ")
                    client.sendall(b"1 APPEND Inbox {4+}\r\nX:Y\n\r\n2 SELECT Inbox\r\n")
                    self.assertRegex(self.read_until(client, b"2 OK"), rb"1 OK")

    def line_of(self, client, tag):
        while True:
            line = client.readline()
            if line.startswith(tag) or not line:
                return line

    def read_until(self, client, what):
        data = b""
        while what not in data:
            more = client.recv(4096)
            if not more:
                break
            data += more
        return data

    def test_073_without_preauth(self):
        """I21."""
        plain = lambda user: f"\0{user}\0{PASSWORD}".encode()  # noqa: E731
        for mechanism, message in (("EXTERNAL", b""), ("EXTERNAL", USER.encode()), ("EXTERNAL", OTHER.encode()),
                                   ("PLAIN", plain(USER)), ("PLAIN", plain(OTHER))):
            with self.subTest(f"{mechanism} {message}"), self.imap(self.explicit.context()) as client:
                self.assertEqual(client.state, "NONAUTH")
                self.assertIn("AUTH=EXTERNAL", client.capabilities)
                self.assertEqual(self.authenticate(client, mechanism, message), "OK")
                self.assertEqual(client.select()[0], "OK")
        for mechanism, message in (("PLAIN", plain(BOB)), ("EXTERNAL", BOB.encode()),
                                   ("EXTERNAL", b"nobody@elsewhere.example")):
            with self.subTest(f"{mechanism} {message}"), self.imap(self.explicit.context()) as client:
                with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
                    self.authenticate(client, mechanism, message)
                self.assertEqual(self.authenticate(client, "EXTERNAL", b""), "OK")

    def test_075_starttls(self):
        """I22; the certificate alone is not a login there."""
        with imaplib.IMAP4("127.0.0.1", self.server.port(IMAP), timeout=CLIENT_TIMEOUT_S) as client:
            client.starttls(self.key.context())
            self.assertIn("AUTH=EXTERNAL", client.capabilities)
            client.send(b"9 SELECT Inbox\r\n")
            self.assertRegex(self.line_of(client, b"9 "), rb"^9 (NO|BAD) ")
            self.assertEqual(self.authenticate(client, "EXTERNAL", b""), "OK")
            self.assertEqual(client.select()[0], "OK")

    def test_i20_without_certificate(self):
        with self.imap(harness.insecure_tls()) as client:
            self.assertNotIn("AUTH=EXTERNAL", client.capabilities)
            with self.assertRaises(imaplib.IMAP4.error):
                self.authenticate(client, "EXTERNAL", b"")

    def test_record_of_attempts(self):
        with self.imap(self.key.context()):
            pass
        wait_until(lambda: re.search(r"ok user imap tlsclientauth from 127\.0\.0\.1, \d+ times: user@localhost",
                                     self.server.command("config", "login-attempts").stdout), what="the attempt")

    def test_curl(self):
        for key, more in ((self.explicit, ("--user", f"{USER}:", "--login-options", "AUTH=EXTERNAL")), (self.key, ())):
            self.run_client("curl", "--silent", "--show-error", "--insecure", "--cert", key.certificate, "--key", key.key,
                            f"imaps://127.0.0.1:{self.server.port(IMAPS)}/", *more, "--request", "NOOP")

    def test_mbsync(self):
        certificate = self.directory / "server-certificate"
        certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port(IMAPS))))
        (self.directory / "near").mkdir()
        for key in (self.explicit, self.key):
            config = self.directory / "mbsyncrc"
            config.write_text(f"IMAPStore far\nHost 127.0.0.1\nPort {self.server.port(IMAPS)}\nUser {USER}\n"
                              f"AuthMechs EXTERNAL\nSSLType IMAPS\nCertificateFile {certificate}\n"
                              f"ClientCertificate {key.certificate}\nClientKey {key.key}\n\n"
                              f"MaildirStore near\nPath {self.directory}/near/\nInbox {self.directory}/near/INBOX\n"
                              "SubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\n")
            self.assertIn("INBOX", self.run_client("mbsync", "--config", str(config), "--list", "all"))


class TestKeyEnd(KeyTest):
    """What takes a login away takes effect at once."""

    def resumable(self, service, key, version):
        context = key.context(version)
        with self.connect(service, context) as client:
            if service in (IMAPS, SUBMISSIONS):
                client.recv(4096)
            client.sendall(b"1 NOOP\r\n" if service == IMAPS else b"NOOP\r\n")
            client.recv(4096)
            return context, client.session

    def test_060_resumption(self):
        key = self.new_key("again")
        for service in (SUBMISSIONS, IMAPS, SUBMISSION):
            for version in VERSIONS:
                with self.subTest(f"{service} {version}"):
                    context, session = self.resumable(service, key, version)
                    with self.connect(service, context, session) as client:
                        self.assertTrue(client.session_reused)
                        if service != IMAPS:
                            client.sendall(b"EHLO client.example\r\nAUTH EXTERNAL =\r\n")
                            wait_for = b""
                            while b"235 " not in wait_for:
                                wait_for += client.recv(4096)

    def test_064_removed_key_and_resumed_session(self):
        for service, version in ((s, v) for s in (SUBMISSIONS, IMAPS, SUBMISSION) for v in VERSIONS):
            with self.subTest(f"{service} {version}"):
                key = self.new_key(f"removed-{service}-{version}")
                context, session = self.resumable(service, key, version)
                self.server.command("config", "tlspubkey", "rm", key.fingerprint)
                with contextlib.suppress(ConnectionResetError), self.connect(service, context, session) as client:
                    self.assertTrue(client.session_reused)
                    said = client.recv(4096)
                    self.assertTrue(said.startswith(b"* BYE [ALERT]") if service == IMAPS else said == b"", said)

    def test_removed_key_ends_its_sessions(self):
        key = self.new_key("ends")
        with self.imap(key.context()) as imap, self.smtp(SUBMISSIONS, key.context()) as submission:
            self.assertEqual(imap.select()[0], "OK")
            self.server.command("config", "tlspubkey", "rm", key.fingerprint)
            with self.assertRaises((imaplib.IMAP4.abort, OSError)):
                for _ in range(1000):
                    imap.noop()
            self.assertIn(submission.getreply()[0], (421, -1))
            imap.state = "LOGOUT"
            submission.close()
        self.assertEqual(self.server.command("config", "tlspubkey", "rm", key.fingerprint, check=False).returncode, 1)

    def test_066_disabled_account(self):
        key, explicit = self.new_key("off", BOB), self.new_key("off-explicit", BOB, "--no-imap-preauth")
        context, session = self.resumable(IMAPS, key, ssl.TLSVersion.TLSv1_2)
        self.server.command("config", "account", "disable", "bob", "ask the office")
        try:
            for service in (SUBMISSIONS, IMAPS):
                self.assertRefused(service, key.context(), BAD_CERTIFICATE)
            with self.connect(IMAPS, context, session) as client:
                self.assertTrue(client.recv(4096).startswith(b"* BYE [ALERT]"))
            with self.smtp(SUBMISSIONS, explicit.context()) as client:
                self.assertEqual(client.docmd("MAIL", f"FROM:<{BOB}>")[0], 530)
                code, text = client.docmd("AUTH", "EXTERNAL =")
                self.assertEqual(code, 525)
                self.assertIn(b"ask the office", text)
                self.assertEqual(client.docmd("MAIL", f"FROM:<{BOB}>")[0], 530)
            with self.imap(explicit.context()) as client:
                with self.assertRaisesRegex(imaplib.IMAP4.error, "ask the office"):
                    client.authenticate("EXTERNAL", lambda _: b"")
            self.assertRecorded("result=logindisabled")
        finally:
            self.server.command("config", "account", "enable", "bob")

    def test_065_address_of_another_account(self):
        key = self.new_key("moved", "any@localhost")  # the account has all that is nobody else's
        with self.imap(key.context()) as client:
            self.assertEqual(client.state, "AUTH")
        self.server.command("config", "address", "add", "any@localhost", "bob")
        self.assertRefused(IMAPS, key.context(), BAD_CERTIFICATE)
        self.assertRecorded("result=error", "account=user")
        self.server.command("config", "tlspubkey", "rm", key.fingerprint)


class TestKeyTls(KeyTest):
    """Faults 10, 15 and 16, and who is asked for a certificate."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.new_key("tls")

    def s_client(self, service, *more, stdin="Q\n"):
        starttls = {SMTP: ("-starttls", "smtp"), SUBMISSION: ("-starttls", "smtp"), IMAP: ("-starttls", "imap")}
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port(service)}",
                               *starttls.get(service, ()), *map(str, more)], input=stdin, capture_output=True,
                              text=True, errors="replace", timeout=CLIENT_TIMEOUT_S)

    def test_070_who_is_asked(self):
        for service, asked in ((SMTP, False), (SUBMISSION, True), (SUBMISSIONS, True), (IMAP, True), (IMAPS, True),
                               (harness.HTTPS, False)):
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(f"{service} {version}"):
                    output = self.s_client(service, version, "-msg").stdout
                    self.assertIn("ServerHello", output)
                    self.assertEqual("CertificateRequest" in output, asked)
                    self.assertNotIn("Acceptable client certificate CA names", output)

    def test_s_client_logs_in(self):
        output = self.s_client(IMAPS, "-cert", self.key.certificate, "-key", self.key.key, "-quiet", "-crlf", "-ign_eof",
                               stdin="1 SELECT Inbox\n2 LOGOUT\n").stdout
        self.assertRegex(output, r"(?s)\* PREAUTH .*1 OK .*2 OK")

    def test_077_port_25_does_not_care(self):
        with smtplib.SMTP("127.0.0.1", self.server.port(SMTP), "client.example", timeout=CLIENT_TIMEOUT_S) as client:
            client.starttls(context=self.key.context())
            client.ehlo()
            self.assertNotIn("auth", client.esmtp_features)
            self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 503)

    def test_alpn(self):
        for service, name in ((IMAPS, "imap"), (SUBMISSIONS, "smtp")):
            context = self.key.context()
            context.set_alpn_protocols(["http/1.1"])
            with self.assertRaises(ssl.SSLError) as caught:
                self.connect(service, context)
            self.assertIn("no application protocol", str(caught.exception))
            context = self.key.context()
            context.set_alpn_protocols(["http/1.1", name])
            with self.connect(service, context) as client:
                self.assertEqual(client.selected_alpn_protocol(), name)

    def test_ticket_of_another_port(self):
        for version in VERSIONS:
            with self.subTest(version):
                context = self.key.context(version)
                with self.connect(SUBMISSIONS, context) as client:
                    client.recv(4096)
                    client.sendall(b"NOOP\r\n")
                    client.recv(4096)
                    session = client.session
                self.assertTrue(session.has_ticket)
                with self.connect(IMAPS, context, session) as client:
                    self.assertFalse(client.session_reused)
                with self.connect(SUBMISSIONS, context, session) as client:
                    self.assertTrue(client.session_reused)

    def test_renegotiation(self):
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port(IMAPS)}", "-tls1_2",
                               "-cert", self.key.certificate, "-key", self.key.key], stdin=subprocess.PIPE, bufsize=0,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            output = b""
            while b"PREAUTH" not in output:
                output += client.stdout.read(4096)
            output, _ = client.communicate(b"R\n", timeout=CLIENT_TIMEOUT_S)
        self.assertIn(b"no renegotiation", output)


class TestKeyLimits(KeyTest):
    """Row 67: after too many failures nobody is asked about a key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.new_key("limits")
        cls.server.stop()
        text = cls.server.config.read_text()
        cls.server.config.write_text(text.replace("auth_failures = {0, 0, 0}", "auth_failures = {3, 0, 0}"))
        cls.server.start()

    def test_067_too_many_failures(self):
        unknown = Key(self.directory, "unknown")
        # Up to the limit minus one, a login gives back what failed.
        wait_until(lambda: self.refuse_twice_and_log_in(unknown), what="two failures in one minute")
        wait_until(lambda: self.fill(unknown), what="three failures in one minute", timeout_s=90)
        with self.connect(SUBMISSIONS, self.key.context()) as client:
            self.assertTrue(client.recv(4096).startswith(b"421 4.7.0 "))
        with self.connect(IMAPS, self.key.context()) as client:
            self.assertTrue(client.recv(4096).startswith(b"* BYE [UNAVAILABLE] too many"))

    def refuse_twice_and_log_in(self, unknown):
        for _ in range(2):
            self.assertRefused(IMAPS, unknown.context(), BAD_CERTIFICATE)
        with self.imap(self.key.context()) as client:
            return client.state == "AUTH"

    def fill(self, unknown):
        """True when the fourth certificate is not looked at any more."""
        for _ in range(3):
            with contextlib.suppress(ssl.SSLError), self.connect(IMAPS, unknown.context()) as client:
                client.recv(4096)
        with contextlib.suppress(ssl.SSLError), self.connect(IMAPS, unknown.context()) as client:
            return client.recv(4096).startswith(b"* BYE")
        return False


class TestKeyOptOut(harness.ServerTest):
    """Row 71: client_auth = false."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        text = cls.server.config.read_text()
        cls.server.config.write_text(text.replace("    tls {\n", "    tls {\n        client_auth = false\n"))
        cls.server.start()

    def test_071_not_asked(self):
        key = Key(self.server.directory, "never")
        with smtplib.SMTP_SSL("127.0.0.1", self.server.port(SUBMISSIONS), context=key.context()) as client:
            client.ehlo()
            self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
        with imaplib.IMAP4_SSL("127.0.0.1", self.server.port(IMAPS), ssl_context=key.context()) as client:
            self.assertNotIn("AUTH=EXTERNAL", client.capabilities)
            client.login(USER, PASSWORD)


class TestKeyCommands(KeyTest):
    def command(self, *arguments, **more):
        return self.server.command("config", "tlspubkey", *arguments, **more)

    def test_c10_life(self):
        self.assertEqual(self.command("list").stdout, "# 0 keys\n")
        key = Key(self.directory, "life", algorithm=("ed25519",))
        text = key.certificate.read_text()
        fingerprint = self.command("add", "--no-imap-preauth", USER, 'Ann\'s "phone"', stdin=text).stdout.strip()
        der = openssl("pkey", "-pubout", "-outform", "DER", "-in", key.key)
        import base64, hashlib  # noqa: E401
        self.assertEqual(fingerprint, base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("="))
        expected = f'# 1 key\n{fingerprint}\ted25519\t"Ann\'s \\"phone\\""\tuser\t{USER}\tno-preauth\n'
        self.assertEqual(self.command("list").stdout, expected)
        self.assertEqual(self.command("list", "user").stdout, expected)
        self.assertEqual(self.command("list", "bob").stdout, "# 0 keys\n")
        self.assertEqual(self.command("list", "carol", check=False).returncode, 1)
        self.assertEqual(self.command("get", fingerprint).stdout,
                         f'type: ed25519\nname: Ann\'s "phone"\naccount: user\naddress: {USER}\n'
                         f"no imap preauth: true\n{text}")
        self.command("rm", fingerprint)
        for arguments in (("rm", fingerprint), ("get", fingerprint), ("rm", "x")):
            self.assertEqual(self.command(*arguments, check=False).returncode, 1)
        self.assertEqual(self.command("list").stdout, "# 0 keys\n")

    def test_gen(self):
        stem = self.directory / "my phone"
        output = self.command("gen", str(stem)).stdout
        files = [pathlib.Path(f"{stem}.{suffix}") for suffix in ("key", "pem", "p12")]
        self.assertEqual([f.stat().st_mode & 0o777 for f in files], [0o600] * 3)
        passphrase = re.search(r"once: (\S+)", output)[1]
        self.assertRegex(passphrase, r"^([a-z2-9]{4}-){4}[a-z2-9]{4}$")
        both = openssl("pkcs12", "-in", files[2], "-passin", f"pass:{passphrase}", "-nodes").decode()
        self.assertIn(files[1].read_text().strip(), both)
        self.assertIn(files[0].read_text().strip(), both)
        self.assertIn("CN = my phone", openssl("x509", "-in", files[1], "-noout", "-subject").decode())
        self.command("add", USER, stdin=files[1].read_text())
        self.assertIn('"my phone"', self.command("list").stdout)
        context = harness.insecure_tls()
        context.load_cert_chain(files[1], files[0])
        with self.imap(context) as client:
            self.assertEqual(client.state, "AUTH")
        # Nothing is replaced, and nothing is left behind.
        before = [f.read_bytes() for f in files]
        self.assertEqual(self.command("gen", str(stem), check=False).returncode, 1)
        self.assertEqual([f.read_bytes() for f in files], before)
        files[0].unlink()
        self.assertEqual(self.command("gen", str(stem), check=False).returncode, 1)
        self.assertFalse(files[0].exists())
        self.assertEqual(self.command("gen", str(self.directory) + "/", check=False).returncode, 1)
