"""Who receives, who may send and how much, set up with the commands as an operator would.

Tests are named after the acceptance rows. 157 and 310 to 313 as far as mail stays on this server.
"""

import base64
import contextlib
import json
import smtplib
import unicodedata

import harness
from harness import PASSWORD, SMTP, SUBMISSION

D1 = "d1.example"
SMILE = "\N{WHITE SMILING FACE}"
BOB = "b\N{LATIN SMALL LETTER O WITH ACUTE}b"


class RecipientTest(harness.ServerTest):
    @classmethod
    def config(cls, *args):
        return cls.server.command("config", *args).stdout

    @classmethod
    def add_account(cls, name, *addresses):
        cls.config("account", "add", name, addresses[0])
        for address in addresses[1:]:
            cls.config("address", "add", address, name)
        cls.server.command("setaccountpassword", name, stdin=PASSWORD + "\n")

    def refused(self, *args):
        result = self.server.command("config", *args, check=False)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        return result.stderr

    def printed(self, *args):
        return json.loads(self.config(*args))

    @contextlib.contextmanager
    def connected(self, login=None):
        """A session that has said EHLO, and has logged in when a login address is given."""
        with smtplib.SMTP("127.0.0.1", self.server.port(SUBMISSION if login else SMTP), "client.example",
                          timeout=harness.CLIENT_TIMEOUT_S) as client:
            client.command_encoding = "utf-8"
            if login:
                client.starttls(context=harness.insecure_tls())
            client.ehlo()
            if login:
                secret = base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()
                self.assertEqual(client.docmd("AUTH PLAIN", secret)[0], 235)
            yield client

    def reply(self, client, line):
        code, text = client.docmd(line)
        return f"{code} {text.decode(errors='replace')}"

    def send_on(self, client, sender, recipients, author=None, smtputf8=True):
        """One transaction; the first reply that refuses, else the last."""
        extension = " SMTPUTF8" if smtputf8 else ""
        for line in [f"MAIL FROM:<{sender}>{extension}", *(f"RCPT TO:<{r}>" for r in recipients), "DATA"]:
            said = self.reply(client, line)
            if said[0] not in "23":
                return said
        message = f"From: <{sender if author is None else author}>\r\nTo: <{recipients[0]}>\r\nSubject: test\r\n\r\nbody\r\n"
        client.send(message.encode() + b".\r\n")
        code, text = client.getreply()
        return f"{code} {text.decode(errors='replace')}"

    def send(self, sender, *recipients, author=None, login=None):
        with self.connected(login) as client:
            return self.send_on(client, sender, recipients, author)

    def count(self, login, mailbox="INBOX"):
        with self.server.imap(user=login, password=PASSWORD) as client:
            status, data = client.status(mailbox, "(MESSAGES)")
            return int(data[0].split()[-1].rstrip(b")")) if status == "OK" else 0

    @contextlib.contextmanager
    def arriving(self, n, login, mailbox="INBOX"):
        """That many messages more: an answer of 250 says that they are there."""
        before = self.count(login, mailbox)
        yield
        self.assertEqual(self.count(login, mailbox) - before, n)

    def assertAnswer(self, said, code):
        self.assertTrue(said.startswith(code), said)


class TestRecipients(RecipientTest):
    """Fixture F1, and domains beside it for what would disturb it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for domain in (D1, "d2.example", "disabled.example", "aliases.example", "two.example", "all.example"):
            cls.config("domain", "add", domain)
        cls.config("domain", "set", "two.example", "--separators", "+ -")
        cls.add_account("ann", f"ann@{D1}", "ann@d2.example", f'""@{D1}', f"o@{D1}", f"\u2126@{D1}", f"{BOB}@{D1}",
                        "ann@disabled.example", "ann@two.example", "ann@all.example")
        cls.add_account("smile", f"{SMILE}@{D1}", f"smile@{D1}")
        cls.add_account("catchall", "catchall@d2.example", "@all.example")
        cls.add_account("full", f"full@{D1}")
        cls.config("account", "set", "full", "--quota", "1")
        cls.config("address", "add", f"blocked@{D1}", "ann")
        cls.config("address", "set", f"blocked@{D1}", "--refuse", "550 write to ann")
        cls.config("domain", "disable", "disabled.example")
        cls.config("installation", "set", "--postmaster", "ann:postmaster")
        for alias, public in (("public", "true"), ("private", "false")):
            cls.config("alias", "add", f"{alias}@{D1}", f"ann@{D1}", f"{BOB}@{D1}", f"--postpublic={public}",
                       f"--allowmsgfrom={public}")
        cls.ann = f"ann@{D1}"
        cls.public, cls.private, cls.bob = f"public@{D1}", f"private@{D1}", f"{BOB}@{D1}"

    def test_s100_login_with_a_separator(self):
        with self.arriving(1, "ann+x@all.example"):
            self.assertAnswer(self.send("ann+x@all.example", self.ann, login="ann+x@all.example"), "250")

    def test_s151_literals_and_other_domains(self):
        for recipient in ("ann@[127.0.0.10]", "ann@[IPv6:::1]", "ann@test.example"):
            self.assertAnswer(self.send("remote@example.org", recipient), "550 5.1.1")

    def test_s157_unknown_at_submission(self):
        self.assertAnswer(self.send(self.ann, f"unknown@{D1}", login=self.ann), "550 5.1.1")

    def test_s158_blocked_and_disabled(self):
        self.assertAnswer(self.send("remote@example.org", f"blocked@{D1}"), "550 5.1.1 write to ann")
        self.assertAnswer(self.send(self.ann, f"blocked@{D1}", login=self.ann), "550 5.1.1 write to ann")
        self.assertAnswer(self.send("remote@example.org", "ann@disabled.example"), "450 4.2.1")
        self.config("address", "set", f"blocked@{D1}", "--refuse", "421 moving")
        self.assertAnswer(self.send("remote@example.org", f"blocked@{D1}"), "451 4.3.0 moving")
        self.config("address", "set", f"blocked@{D1}", "--refuse", "none")
        with self.arriving(1, self.ann):
            self.assertAnswer(self.send("remote@example.org", f"blocked@{D1}"), "250")
        self.config("address", "set", f"blocked@{D1}", "--refuse", "550 write to ann")

    def test_s159_sender_of_a_disabled_domain(self):
        self.assertAnswer(self.send("ann@disabled.example", self.ann, login=self.ann), "451 4.3.0")
        self.assertAnswer(self.send(self.ann, self.ann, author="ann@disabled.example", login=self.ann), "451 4.3.0")
        # Logins still work.
        with self.connected("ann@disabled.example"):
            pass

    def test_s251_spellings(self):
        for localpart in ("ann", "o", "\u2126", "\u03c9", "\u03a9", BOB, unicodedata.normalize("NFD", BOB)):
            with self.server.imap(user=self.ann, password=PASSWORD) as client:
                client.select("INBOX", readonly=True)
                before = int(client.response("EXISTS")[1][0] or 0)
                self.assertAnswer(self.send("remote@example.org", f"{localpart}@{D1}"), "250")
                client.noop()
                self.assertEqual(int(client.response("EXISTS")[1][-1]), before + 1, localpart)

    def test_s252_another_letter(self):
        self.assertAnswer(self.send("remote@example.org", f"\u03bf@{D1}"), "550 5.1.1")

    def test_s253_empty_local_part(self):
        with self.arriving(1, self.ann):
            self.assertAnswer(self.send('""@other.example', f'""@{D1}'), "250")

    def test_s254_postmaster(self):
        with self.arriving(3, self.ann, "postmaster"):
            for recipient in ("postmaster", "Postmaster@localhost", f"POSTMASTER@{D1}"):
                self.assertAnswer(self.send("remote@example.org", recipient), "250")
        self.assertAnswer(self.send("remote@example.org", "postmaster@unknown.example"), "550 5.1.1")

    def test_s255_catch_all(self):
        with self.arriving(3, self.ann), self.arriving(1, "catchall@d2.example"):
            for localpart in ("ann", "ann+test", "ANN+TEST", "unknown"):
                self.assertAnswer(self.send("remote@example.org", f"{localpart}@all.example"), "250")

    def test_s256_two_separators(self):
        with self.arriving(3, self.ann):
            for localpart in ("ann-test", "ann-test+test", "ann+test-test"):
                self.assertAnswer(self.send("remote@example.org", f"{localpart}@two.example"), "250")

    def test_s257_full(self):
        self.assertAnswer(self.send("remote@example.org", f"full@{D1}"), "452 4.2.2")

    def test_s262_one_copy(self):
        with self.arriving(1, self.ann):
            self.assertAnswer(self.send("remote@example.org", self.ann, self.ann, f"ANN+x@{D1}"), "250")

    def test_s275_domain_with_aliases_only(self):
        self.config("alias", "add", "team@aliases.example", self.ann, f"{SMILE}@{D1}")
        with self.arriving(1, self.ann), self.arriving(1, f"smile@{D1}"):
            self.assertAnswer(self.send("remote@example.org", "team@aliases.example"), "250")
        self.config("alias", "rm", "team@aliases.example")

    # --- aliases ---

    def test_s310_author_is_an_alias(self):
        # Both members: the author is the alias, not one of them.
        with self.arriving(2, self.ann):
            self.assertAnswer(self.send(self.ann, self.public, author=self.public, login=self.ann), "250")
        self.assertAnswer(self.send(self.ann, self.public, author=self.private, login=self.ann), "550 5.7.1")

    def test_s312_sender_is_an_alias(self):
        with self.connected(self.ann) as client:
            self.assertAnswer(self.reply(client, f"MAIL FROM:<{self.public}>"), "250")
            self.reply(client, "RSET")
            self.assertAnswer(self.reply(client, f"MAIL FROM:<{self.private}>"), "550 5.7.1")

    def test_s313_alias_of_others(self):
        smile = f"{SMILE}@{D1}"
        self.assertAnswer(self.send(smile, smile, author=self.public, login=smile), "550 5.7.1")
        self.assertAnswer(self.send(self.public, smile, login=smile), "550 5.7.1")

    def test_s314_to_s321_who_may_post(self):
        rows = [("s314", "other@example.org", "other@example.org", [self.private], "550 5.7.2", 0),
                ("s315", "other@example.org", self.private, [self.private], "550 5.7.2", 0),
                ("s316", "other@example.org", "other@example.org", [self.public], "250", 2),
                ("s317", "public@example.org", "other@example.org", [self.public], "250", 2),
                ("s318", self.ann, self.ann, [self.private, self.bob], "250", 1),
                ("s319", self.ann, self.ann, [self.private], "250", 1),
                ("s320", f"other@{D1}", self.private, [self.private], "550 5.7.2", 0),
                ("s321", "other@example.org", self.public, [self.public], "250", 2)]
        for name, sender, author, recipients, code, n in rows:
            with self.subTest(name), self.arriving(n, self.ann):
                self.assertAnswer(self.send(sender, *recipients, author=author), code)

    def test_s323_full_members(self):
        self.config("alias", "add", f"some@{D1}", f"full@{D1}", f"{SMILE}@{D1}")
        self.config("alias", "add", f"none@{D1}", f"full@{D1}")
        with self.arriving(1, f"smile@{D1}"):
            self.assertAnswer(self.send("remote@example.org", f"some@{D1}"), "250")
        self.assertAnswer(self.send("remote@example.org", f"none@{D1}"), "452 4.2.2")

    def test_s324_nobody_is_left(self):
        self.config("alias", "add", f"one@{D1}", self.ann)
        with self.arriving(0, self.ann):
            self.assertAnswer(self.send(self.ann, f"one@{D1}"), "250")

    def test_verify(self):
        self.server.verify()


class TestSendingLimits(RecipientTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.add_account("ann", "ann@localhost")

    def test_s202_limits_of_a_day(self):
        self.config("account", "set", "ann", "--messages-per-day", "4", "--recipients-per-day=2")
        with self.connected("ann@localhost") as client:
            for to, code in (("b", "250"), ("c", "250"), ("d", "451 4.7.1"), ("b", "250"), ("b", "250"),
                             ("b", "451 4.7.1")):
                self.assertAnswer(self.send_on(client, "ann@localhost", [f"{to}@localhost"]), code)
            self.config("account", "set", "ann", "--messages-per-day", "none", "--recipients-per-day=default")
            self.assertAnswer(self.send_on(client, "ann@localhost", ["b@localhost", "e@localhost"]), "250")

    def test_the_account_of_localserve_has_none(self):
        self.assertEqual(self.printed("account", "print", "user"),
                         {"account": "user", "disabled": None, "quota": "default", "messages_per_day": "none",
                          "recipients_per_day": "none"})
        self.assertEqual(self.printed("installation", "print")["postmaster"], {"account": "user", "mailbox": "Inbox"})


class TestSettings(RecipientTest):
    UNCHANGED = "Nothing changed: it was so already.\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config("domain", "add", D1)
        cls.add_account("ann", f"ann@{D1}")

    def change(self, *args):
        """Says nothing; and the second time, that nothing changed."""
        self.assertEqual(self.config(*args), "")
        self.assertEqual(self.config(*args), self.UNCHANGED)

    def test_domain(self):
        self.assertEqual(self.printed("domain", "print", D1),
                         {"domain": D1, "disabled": False, "separators": ["+"], "case_sensitive": False,
                          "dmarc_reports": None, "tls_reports": None})
        self.change("domain", "set", D1, "--separators", "+ -", "--case-sensitive", "true", "--dmarc-reports",
                    f"dmarc-reports@{D1}:ann:DMARC", f"--tls-reports=tls-reports@{D1}:ann")
        self.assertEqual(self.printed("domain", "print", "D1.example"),
                         {"domain": D1, "disabled": False, "separators": ["+", "-"], "case_sensitive": True,
                          "dmarc_reports": {"address": f"dmarc-reports@{D1}", "account": "ann", "mailbox": "DMARC"},
                          "tls_reports": {"address": f"tls-reports@{D1}", "account": "ann", "mailbox": "Inbox"}})
        with self.arriving(2, f"ann@{D1}", "DMARC"):
            for localpart in ("dmarc-reports", "dmarc-reports+2026-11"):
                self.assertAnswer(self.send("remote@example.org", f"{localpart}@{D1}"), "250")
        self.assertIn("first give its task to another account: config domain set --",
                      self.refused("account", "rm", "ann"))
        self.change("domain", "set", D1, "--separators", "none")
        self.assertIn("is taken", self.refused("address", "add", f"dmarc-reports@{D1}", "ann"))
        self.change("domain", "set", D1, "--dmarc-reports", "none", "--tls-reports", "none")
        self.change("domain", "set", D1, "--separators", "+", "--case-sensitive", "false")
        self.assertIn("could not be delivered", self.refused("domain", "set", D1, "--separators", "n"))
        self.assertIn("true or false", self.refused("domain", "set", D1, "--case-sensitive", "yes"))
        self.assertIn("ADDRESS:ACCOUNT", self.refused("domain", "set", D1, "--dmarc-reports", "ann"))
        self.assertIn("what to change", self.refused("domain", "set", D1))
        self.assertIn("no domain none.example", self.refused("domain", "print", "none.example"))

    def test_account(self):
        self.change("account", "set", "ann", "--quota", "2g", "--messages-per-day", "10", "--recipients-per-day", "none")
        self.assertEqual(self.printed("account", "print", "ann"),
                         {"account": "ann", "disabled": None, "quota": 2 << 30, "messages_per_day": 10,
                          "recipients_per_day": "none"})
        self.change("account", "set", "ann", "--quota", "default", "--messages-per-day=default",
                    "--recipients-per-day=default")
        self.assertIn("size such as", self.refused("account", "set", "ann", "--quota", "many"))
        self.assertIn("number from 1", self.refused("account", "set", "ann", "--messages-per-day", "0"))
        self.assertIn("what to change", self.refused("account", "set", "ann"))
        self.assertIn("no account", self.refused("account", "set", "nobody", "--quota", "1g"))
        self.assertIn("no account", self.refused("account", "print", "nobody"))
        self.change("account", "disable", "ann", "closed")
        self.assertEqual(self.printed("account", "print", "ann")["disabled"], "closed")
        self.change("account", "enable", "ann")

    def test_address(self):
        self.config("address", "add", f"shop@{D1}", "ann", "--mailbox", "Shop")
        with self.arriving(1, f"ann@{D1}", "Shop"):
            self.assertAnswer(self.send("remote@example.org", f"shop@{D1}"), "250")
        self.change("address", "set", f"Shop@{D1}", "--mailbox", "Other", "--refuse", "421 later", "--auth-required",
                    "sign your mail")
        self.assertEqual(self.printed("address", "print", f"shop+x@{D1}"),
                         {"address": f"shop@{D1}", "account": "ann", "mailbox": "Other", "refuse": "421 later",
                          "auth_required": "sign your mail"})
        self.change("address", "set", f"shop@{D1}", "--mailbox=none", "--refuse=none", "--auth-required=none")
        self.assertEqual(self.printed("address", "print", f"shop@{D1}")["mailbox"], "Inbox")
        self.assertIn("begins with 550", self.refused("address", "set", f"shop@{D1}", "--refuse", "no"))
        self.assertIn("what to change", self.refused("address", "set", f"shop@{D1}"))
        self.assertIn("not an address", self.refused("address", "set", f"none@{D1}", "--mailbox", "x"))
        self.assertIn("no catch-all", self.refused("address", "print", f"@{D1}"))
        self.config("address", "add", f"@{D1}", "ann", "--mailbox=Rest")
        self.assertEqual(self.printed("address", "print", f"@{D1}")["address"], f"@{D1}")
        self.config("address", "rm", f"@{D1}")

    def test_installation(self):
        self.change("installation", "set", "--postmaster", "ann:Post", "--tls-reports", "tls-reports:ann:TLS", "--quota",
                    "1g")
        self.assertEqual(self.printed("installation", "print"),
                         {"quota": 1 << 30, "postmaster": {"account": "ann", "mailbox": "Post"},
                          "tls_reports": {"address": "tls-reports", "account": "ann", "mailbox": "TLS"}})
        self.change("installation", "set", "--quota", "none", "--tls-reports", "none")
        self.assertIn("what to change", self.refused("installation", "set"))
        self.assertIn("no account", self.refused("installation", "set", "--postmaster", "nobody"))
        self.change("installation", "set", "--postmaster", "none")
        self.assertEqual(self.printed("installation", "print"), {"quota": "none", "postmaster": None, "tls_reports": None})

    def test_help(self):
        for words in (("domain", "set"), ("account", "set"), ("address", "set"), ("installation", "set")):
            self.assertIn(f"godwit config {' '.join(words)} ", self.config(*words, "--help"))
