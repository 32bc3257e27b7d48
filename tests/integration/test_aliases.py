"""Aliases, and what an operator disables: commands, mail through them, and what clients are told."""

import imaplib
import json
import re
import smtplib

import harness
from harness import PASSWORD, SMTP, SUBMISSION, wait_until


class AliasTest(harness.ServerTest):
    """ann and bob beside the account that localserve makes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("ann", "bob"):
            cls.server.command("config", "account", "add", name, f"{name}@localhost")
            cls.server.command("setaccountpassword", name, stdin=PASSWORD + "\n")

    def refused(self, *args):
        result = self.server.command(*args, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return result.stderr

    def said(self, *args):
        return self.server.command(*args).stdout

    def imap_of(self, name):
        return self.server.imap(user=f"{name}@localhost", password=PASSWORD)

    def headers(self, name):
        """Of every message in the Inbox."""
        with self.imap_of(name) as client:
            client.select("INBOX", readonly=True)
            _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER])")
            return [part[1].decode() for part in data if isinstance(part, tuple)]

    def swaks(self, to, sender, status=0, more=(), service=SMTP):
        return self.run_client("swaks", "--server", "127.0.0.1", "--port", str(self.server.port(service)), "--helo",
                               "client.example", "--from", sender, "--to", to, "--header",
                               f"Subject: {sender} to {to}", "--timeout", "30", *more, status=status)


class TestAliases(AliasTest):
    def tearDown(self):
        for line in self.said("config", "alias", "list", "localhost").split():
            self.server.command("config", "alias", "rm", line)

    def add(self, alias, *members):
        self.assertEqual(self.said("config", "alias", "add", alias, *members), "")

    def test_commands(self):
        self.add("team@localhost", "ann@localhost", "Bob@LOCALHOST")
        self.assertEqual(self.said("config", "alias", "list", "localhost"), "team@localhost\n")
        self.assertEqual(json.loads(self.said("config", "alias", "print", "Team@localhost")),
                         {"postpublic": True, "listmembers": False, "allowmsgfrom": False,
                          "members": ["ann@localhost", "bob@localhost"]})
        self.said("config", "alias", "update", "--postpublic", "false", "team@localhost", "--allowmsgfrom=true")
        self.said("config", "alias", "rmaddr", "team@localhost", "ann@localhost")
        self.said("config", "alias", "addaddr", "team@localhost", harness.USER)
        self.assertEqual(json.loads(self.said("config", "alias", "print", "team@localhost")),
                         {"postpublic": False, "listmembers": False, "allowmsgfrom": True,
                          "members": ["bob@localhost", harness.USER]})
        self.assertIn("not an address", self.refused("config", "alias", "addaddr", "team@localhost", "x@localhost"))
        self.assertIn("not a member", self.refused("config", "alias", "rmaddr", "team@localhost", "ann@localhost"))
        self.assertIn("must have a member",
                      self.refused("config", "alias", "rmaddr", "team@localhost", "bob@localhost", harness.USER))
        self.assertIn("true or false", self.refused("config", "alias", "update", "team@localhost", "--listmembers=1"))
        self.assertIn("what to change", self.refused("config", "alias", "update", "team@localhost"))
        self.assertIn("no alias", self.refused("config", "alias", "print", "ann@localhost"))
        self.assertIn("is taken", self.refused("config", "alias", "add", "ann@localhost", "bob@localhost"))
        self.assertIn("config alias rmaddr team@localhost bob@localhost",
                      self.refused("config", "address", "rm", "bob@localhost"))
        self.assertIn("is an alias", self.refused("config", "address", "account", "team@localhost"))
        self.said("config", "alias", "rm", "team@localhost")
        self.assertEqual(self.said("config", "alias", "list", "localhost"), "")

    def test_every_member_gets_one_copy(self):
        self.add("all@localhost", "ann@localhost", "bob@localhost")
        before = len(self.headers("ann")), len(self.headers("bob"))
        self.swaks("all@localhost,bob@localhost", "stranger@example.org")
        wait_until(lambda: len(self.headers("bob")) > before[1], what="a copy")
        ann, bob = self.headers("ann")[before[0]:], self.headers("bob")[before[1]:]
        self.assertEqual((len(ann), len(bob)), (1, 1))
        self.assertTrue(ann[0].startswith("Delivered-To: ann@localhost\r\nReturn-Path: <stranger@example.org>\r\n"),
                        ann[0])
        self.assertTrue(bob[0].startswith("Delivered-To: bob@localhost\r\n"), bob[0])
        self.assertEqual(len(re.findall("^Delivered-To:", ann[0], re.M)), 1)

    def test_who_may_post(self):
        self.add("closed@localhost", "ann@localhost", "bob@localhost")
        self.said("config", "alias", "update", "closed@localhost", "--postpublic=false")
        before = len(self.headers("ann")), len(self.headers("bob"))
        self.assertIn("550 5.7.2", self.swaks("closed@localhost", "stranger@example.org", status=26))
        self.swaks("closed@localhost", "ann@localhost")
        wait_until(lambda: len(self.headers("bob")) > before[1], what="a copy")
        self.assertEqual((len(self.headers("ann")), len(self.headers("bob"))), (before[0], before[1] + 1))

    def submit_as(self, login, sender):
        with smtplib.SMTP("127.0.0.1", self.server.port(SUBMISSION), "client.example", timeout=30) as client:
            client.starttls(context=harness.insecure_tls())
            client.login(login, PASSWORD)
            return client.sendmail(sender, ["bob@localhost"],
                                   harness.new_message("as an alias", sender=sender).as_bytes())

    def test_sending_from_an_alias(self):
        self.add("from@localhost", "ann@localhost")
        with self.assertRaises(smtplib.SMTPSenderRefused):
            self.submit_as("ann@localhost", "from@localhost")
        self.said("config", "alias", "update", "from@localhost", "--allowmsgfrom=true")
        self.submit_as("ann@localhost", "from@localhost")
        with self.assertRaises(smtplib.SMTPSenderRefused):
            self.submit_as("bob@localhost", "from@localhost")

    def test_an_alias_is_no_login(self):
        self.add("login@localhost", "ann@localhost")
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            self.imap_of("login")


class TestDisabled(AliasTest):
    def test_account(self):
        client = self.imap_of("ann")
        client.select("INBOX")
        self.said("config", "account", "disable", "ann", "Closed: ask the office")
        self.assertEqual(self.said("config", "account", "list"),
                         "ann disabled: Closed: ask the office\nbob\nuser\n")
        with self.assertRaises((imaplib.IMAP4.abort, imaplib.IMAP4.error, OSError)):
            for _ in range(50):
                client.noop()
        with self.assertRaises(imaplib.IMAP4.error) as told:
            self.imap_of("ann")
        self.assertEqual(str(told.exception), str(b"Closed: ask the office"))
        with self.assertRaisesRegex(imaplib.IMAP4.error, "AUTHENTICATIONFAILED"):
            self.server.imap(user="ann@localhost", password="wrong password")
        with smtplib.SMTP("127.0.0.1", self.server.port(SUBMISSION), "client.example", timeout=30) as smtp:
            smtp.starttls(context=harness.insecure_tls())
            with self.assertRaises(smtplib.SMTPAuthenticationError) as told:
                smtp.login("ann@localhost", PASSWORD)
        self.assertEqual(told.exception.smtp_code, 525)
        self.assertIn(b"5.7.13 Closed: ask the office", told.exception.smtp_error)
        self.swaks("ann@localhost", "stranger@example.org")
        self.assertIn("printable", self.refused("config", "account", "disable", "ann", ""))
        self.said("config", "account", "enable", "ann")
        self.assertEqual(len(self.headers("ann")), 1)

    def test_domain(self):
        self.said("config", "domain", "add", "second.example")
        self.said("config", "address", "add", "ann@second.example", "ann")
        self.assertEqual(self.said("config", "address", "account", "Ann+x@second.example"), "ann\n")
        self.assertEqual(self.said("config", "account", "addresses", "ann"), "ann@localhost\nann@second.example\n")
        self.said("config", "domain", "disable", "second.example")
        self.assertEqual(self.said("config", "domain", "list"), "localhost\nsecond.example disabled\n")
        self.assertIn("450 4.2.1", self.swaks("ann@second.example", "stranger@example.org", status=24))
        self.said("config", "domain", "enable", "second.example")
        self.swaks("ann@second.example", "stranger@example.org")
