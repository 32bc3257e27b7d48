"""Mail goes in with the programs that people use."""

import pathlib
import smtplib
import tempfile
import uuid

import harness
from harness import PASSWORD, SMTP, SUBMISSION, SUBMISSIONS, USER


def new_id():
    return f"<{uuid.uuid4()}@client.example>"


class TestSwaks(harness.ServerTest):
    def swaks(self, service, *args, message_id, sender="sender@example.org", status=0):
        return self.run_client("swaks", "--server", "127.0.0.1", "--port", str(self.server.port(service)),
                               "--helo", "client.example", "--from", sender, "--to", USER,
                               "--header", f"Message-Id: {message_id}", "--timeout", "30", *args, status=status)

    def test_port_25_plain(self):
        message_id = new_id()
        self.swaks(SMTP, message_id=message_id)
        self.wait_for_message(message_id)

    def test_port_25_starttls(self):
        message_id = new_id()
        output = self.swaks(SMTP, "--tls", message_id=message_id)
        self.assertIn("TLS started", output)
        self.wait_for_message(message_id)

    def test_submission_starttls(self):
        message_id = new_id()
        self.swaks(SUBMISSION, "--tls", "--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD,
                   message_id=message_id, sender=USER)
        self.wait_for_message(message_id)

    def test_submissions_implicit_tls(self):
        message_id = new_id()
        self.swaks(SUBMISSIONS, "--tls-on-connect", "--auth", "LOGIN", "--auth-user", USER, "--auth-password",
                   PASSWORD, message_id=message_id, sender=USER)
        self.wait_for_message(message_id)

    def test_modes(self):
        """Everything else that swaks can do with what we offer."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("attached\n.\n..\n" + "x" * 3000 + "\n")
            file.flush()
            eight = ["--header", "Content-Type: text/plain; charset=utf-8", "--body", "Grüße, 你好"]
            login = ["--auth-user", USER, "--auth-password", PASSWORD]
            modes = {
                "HELO": (SMTP, ["--protocol", "SMTP"]),
                "ESMTP": (SMTP, ["--protocol", "ESMTP"]),
                "ESMTPS": (SMTP, ["--protocol", "ESMTPS"]),
                "pipeline": (SMTP, ["--pipeline"]),
                "pipeline with TLS": (SMTP, ["--pipeline", "--tls"]),
                "optional TLS": (SMTP, ["--tls-optional"]),
                "TLS 1.2": (SMTP, ["--tls", "--tls-protocol", "tlsv1_2"]),
                "TLS 1.3": (SMTP, ["--tls", "--tls-protocol", "tlsv1_3"]),
                "null sender": (SMTP, []),
                "postmaster": (SMTP, ["--to", "postmaster"]),
                "8-bit": (SMTP, eight),
                "attachments": (SMTP, ["--attach", f"@{file.name}", "--attach-type", "text/html", "--attach",
                                       f"@{file.name}"]),
                "dots": (SMTP, ["--body", ".\n..\n.a\n"]),
                "two recipients": (SMTP, ["--to", f"{USER},postmaster"]),
                "ESMTPA": (SUBMISSION, ["--protocol", "ESMTPSA", "--auth", "PLAIN", *login]),
                "ESMTPSA, LOGIN": (SUBMISSION, ["--tls", "--auth", "LOGIN", *login]),
                "any mechanism": (SUBMISSION, ["--tls", "--auth", *login]),
                "SSMTPA": (SUBMISSIONS, ["--protocol", "SSMTPA", *login]),
                "submission, pipeline": (SUBMISSIONS, ["--tls-on-connect", "--pipeline", "--auth", "PLAIN", *login]),
                "submission, attachment": (SUBMISSIONS, ["--tls-on-connect", "--auth", "PLAIN", *login, *eight,
                                                         "--attach", f"@{file.name}"]),
            }
            ids = {}
            for name, (service, args) in modes.items():
                with self.subTest(name):
                    ids[name] = new_id()
                    sender = "<>" if name == "null sender" else USER if service != SMTP else "sender@example.org"
                    self.swaks(service, *args, message_id=ids[name], sender=sender)
        found = self.server.message_ids()[0]
        for name, message_id in ids.items():
            with self.subTest(name):
                self.assertIn(message_id, found)

    def test_wrong_password_is_refused(self):
        message_id = new_id()
        output = self.swaks(SUBMISSION, "--tls", "--auth", "PLAIN", "--auth-user", USER, "--auth-password", "wrong",
                            message_id=message_id, sender=USER, status=28)
        self.assertIn("535", output)

    def test_submission_wants_authentication(self):
        output = self.swaks(SUBMISSION, "--tls", message_id=new_id(), sender=USER, status=23)
        self.assertIn("530", output)


class TestMsmtp(harness.ServerTest):
    def msmtp(self, service, *args):
        message_id = new_id()
        message = f"From: {USER}\nTo: {USER}\nSubject: msmtp\nMessage-ID: {message_id}\n\nHello.\n"
        self.run_client("msmtp", "--host=127.0.0.1", f"--port={self.server.port(service)}", f"--from={USER}",
                        "--auth=plain", f"--user={USER}", f"--passwordeval=echo {PASSWORD}", "--tls=on",
                        "--tls-certcheck=off", *args, "--", USER, stdin=None, input=message)
        self.wait_for_message(message_id)

    def test_submission_starttls(self):
        self.msmtp(SUBMISSION, "--tls-starttls=on")

    def test_submissions_implicit_tls(self):
        self.msmtp(SUBMISSIONS, "--tls-starttls=off")


class TestCurlSmtp(harness.ServerTest):
    def test_submission(self):
        for url, more in ((f"smtp://127.0.0.1:{self.server.port(SUBMISSION)}", ["--ssl-reqd"]),
                          (f"smtps://127.0.0.1:{self.server.port(SUBMISSIONS)}", [])):
            with self.subTest(url), tempfile.TemporaryDirectory() as directory:
                message_id = new_id()
                file = pathlib.Path(directory) / "message"
                file.write_bytes(f"From: {USER}\r\nTo: {USER}\r\nMessage-ID: {message_id}\r\n\r\nHello.\r\n".encode())
                self.run_client("curl", "--silent", "--show-error", "--insecure", url, *more, "--user",
                                f"{USER}:{PASSWORD}", "--mail-from", USER, "--mail-rcpt", USER, "--upload-file",
                                str(file))
                self.wait_for_message(message_id)


class TestSmtplib(harness.ServerTest):
    def test_body_arrives_as_it_was_sent(self):
        body = b"From: a@example.org\r\nMessage-ID: %s\r\n\r\n.dot\r\n..two\r\n\r\n" + b"x" * 900 + b"\r\nend\r\n.\r\n"
        message_id = new_id()
        message = body % message_id.encode()
        with self.server.smtp() as client:
            client.sendmail("a@example.org", [USER], message)
        self.wait_for_message(message_id)
        with self.server.imap() as client:
            client.select("INBOX")
            _, found = client.search(None, "HEADER", "Message-ID", message_id)
            _, data = client.fetch(found[0].split()[-1], "(BODY.PEEK[])")
        self.assertTrue(data[0][1].endswith(message), data[0][1][-200:])

    def test_large_message(self):
        message_id = new_id()
        message = harness.new_message("large", "0123456789abcdef\r\n" * 200000, message_id=message_id)
        with self.server.smtp() as client:
            client.sendmail("a@example.org", [USER], message.as_bytes())
        self.wait_for_message(message_id)

    def test_many_messages_in_one_connection(self):
        ids = [new_id() for _ in range(50)]
        with self.server.smtp() as client:
            for message_id in ids:
                client.sendmail("a@example.org", [USER],
                                harness.new_message("many", message_id=message_id).as_bytes())
        found, uids = self.server.message_ids()
        self.assertTrue(set(ids) <= set(found))
        self.assertEqual(uids, sorted(set(uids)))

    def test_relaying_is_refused(self):
        with self.server.smtp() as client:
            client.ehlo()
            self.assertEqual(client.mail("a@example.org")[0], 250)
            code, text = client.rcpt("somebody@elsewhere.example")
            self.assertGreaterEqual(code, 500, text)

    def test_sender_of_somebody_else_is_refused_at_submission(self):
        with self.server.smtp(SUBMISSION) as client:
            with self.assertRaises((smtplib.SMTPSenderRefused, smtplib.SMTPRecipientsRefused,
                                    smtplib.SMTPDataError)):
                client.sendmail("root@elsewhere.example", [USER],
                                harness.new_message("forged", sender="root@elsewhere.example").as_bytes())

    def test_size_is_announced_and_enforced(self):
        with self.server.smtp() as client:
            client.ehlo()
            limit = int(client.esmtp_features["size"])
            self.assertGreater(limit, 1000000)
            code, _ = client.mail("a@example.org", [f"SIZE={limit + 1}"])
            self.assertEqual(code, 552)
            self.assertEqual(client.mail("a@example.org", [f"SIZE={limit}"])[0], 250)


