"""The resolver of a process against a real name server: what is secure, insecure and bogus."""

import pathlib
import smtplib
import socket
import subprocess
import time
import unittest

import harness
import nameserver

LOOKUP = harness.BUILD / "tests/dns/dns_lookup"

GOOD = """www A 192.0.2.1
www AAAA 2001:db8::1
four A 192.0.2.4
*.wild A 192.0.2.9
chain CNAME step
step CNAME www
away CNAME www.plain.test.
forged CNAME www.tampered.test.
loop CNAME pool
pool CNAME loop
dangling CNAME nowhere
mail MX 10 b.good.test.
mail MX 5 A.good.test.
null MX 0 .
_25._tcp.www TLSA 3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
"""


def big_text():
    """About 6 KiB in one record: too much for a datagram."""
    return "big TXT " + " ".join('"' + "x" * 250 + '"' for _ in range(24))


class TestDns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ns = nameserver.NameServer()
        try:
            cls.make_zones(cls.ns)
            cls.ns.start()
        except BaseException:
            cls.ns.close()
            raise

    @staticmethod
    def make_zones(ns):
        ns.zone("good.test", GOOD + big_text())
        ns.zone("nsec3.test", "www A 192.0.2.3", nsec3=True)
        ns.zone("tampered.test", "www A 192.0.2.5\nother A 192.0.2.7", break_with=("192.0.2.5", "192.0.2.6"))
        ns.zone("expired.test", "www A 192.0.2.8", expired=True)
        ns.zone("plain.test", "www A 192.0.2.2\nmail MX 10 www", signed=False)

    @classmethod
    def tearDownClass(cls):
        cls.ns.close()

    def look_up(self, kind, *names, zones=(), anchor=True, options=(), ports=()):
        """{name: what was found}, and the milliseconds."""
        command = [str(LOOKUP), *options]
        if anchor:
            command += ["-a", self.ns.anchor]
        for zone in (*self.ns.zone_settings(), *zones):
            command += ["-z", zone]
        for port in (self.ns.port, *ports):
            command += ["-p", str(port)]
        result = subprocess.run([*command, kind, *names], capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        *lines, last = result.stdout.splitlines()
        return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines}, int(last.removeprefix("ms "))

    def assertFound(self, kind, wanted, **more):
        found, _ = self.look_up(kind, *wanted, **more)
        for name, text in wanted.items():
            self.assertRegex(found[name], f"^{text}$", name)

    def test_secure(self):
        self.assertFound("addr", {
            "www.good.test": r"found authentic 2001:db8::1 192\.0\.2\.1",
            "four.good.test": r"found authentic 192\.0\.2\.4",
            "WWW.Good.Test": r"found authentic 2001:db8::1 192\.0\.2\.1",
            "x.wild.good.test": r"found authentic 192\.0\.2\.9",
            "mail.good.test": "no-data authentic",
            "nowhere.good.test": "no-name authentic",
            "www.nsec3.test": r"found authentic 192\.0\.2\.3",
            "nowhere.nsec3.test": "no-name authentic",
        })
        self.assertFound("mx", {"mail.good.test": "found authentic 5:a.good.test 10:b.good.test",
                                "null.good.test": "found authentic",
                                "www.nsec3.test": "no-data authentic"})
        self.assertFound("tlsa", {"_25._tcp.www.good.test": "found authentic 1",
                                  "_25._tcp.four.good.test": "no-name authentic 0"})

    def test_insecure(self):
        self.assertFound("addr", {"www.plain.test": r"found 192\.0\.2\.2", "nowhere.plain.test": "no-name"})
        self.assertFound("mx", {"mail.plain.test": "found 10:www.plain.test", "www.plain.test": "no-data"})

    def test_without_an_anchor_nothing_is_authentic(self):
        self.assertFound("addr", {"four.good.test": r"found 192\.0\.2\.4", "nowhere.good.test": "no-name"}, anchor=False)

    def test_bogus(self):
        self.assertFound("addr", {"www.tampered.test": r"bogus \(.+\)", "www.expired.test": r"bogus \(.+\)",
                                  "forged.good.test": r"bogus \(.+\)"})
        self.assertFound("mx", {"www.tampered.test": "no-data authentic"})

    def test_aliases(self):
        self.assertFound("addr", {
            "chain.good.test": r"found authentic alias:www.good.test 2001:db8::1 192\.0\.2\.1",
            "away.good.test": r"found alias:www.plain.test 192\.0\.2\.2",
            "loop.good.test": r"temporary \(.+\)|no-data.*",
            "dangling.good.test": "no-name authentic",
        })
        self.assertFound("cname", {"chain.good.test": "found authentic step.good.test",
                                   "away.good.test": "found authentic www.plain.test",
                                   "www.good.test": "no-data authentic"})

    def test_large_answer_by_tcp(self):
        size = 24 * 250
        self.assertFound("txt", {"big.good.test": f"found authentic {size}/{size * ord('x')}"})

    def test_names_that_cannot_exist(self):
        self.assertFound("addr", {"two..dots": "no-name", "a" * 64 + ".test": "no-name"})

    def test_names_with_odd_octets(self):
        self.assertFound("txt", {"a+b=c@d.wild.good.test": "no-data authentic"})

    def test_silent_server(self):
        zones = [f"silent.test 127.0.0.1@{self.ns.silent_port()}"]
        found, ms = self.look_up("mx", "www.silent.test", "mail.good.test", zones=zones, options=["-t", "1500"])
        self.assertEqual(found["www.silent.test"], "temporary (no answer in time)")
        self.assertIn("found authentic", found["mail.good.test"])
        self.assertGreaterEqual(ms, 1400)
        self.assertLess(ms, 8000)

    def test_few_wait_long_for_a_silent_server(self):
        zones = [f"silent.test 127.0.0.1@{self.ns.silent_port()}"]
        names = [f"x{i}.silent.test" for i in range(12)]
        found, ms = self.look_up("mx", *names, "mail.good.test", zones=zones, options=["-t", "3000", "-w", "3"])
        outcomes = [found[name] for name in names]
        self.assertEqual(outcomes.count("temporary (no answer in time)"), 3, outcomes)
        self.assertEqual(outcomes.count("temporary (no answer at once, and too many wait)"), 9, outcomes)
        self.assertIn("found authentic", found["mail.good.test"])
        self.assertGreaterEqual(ms, 2900)

    def test_failing_server(self):
        zones = [f"failing.test 127.0.0.1@{self.ns.refusing_port(2)}",
                 f"refusing.test 127.0.0.1@{self.ns.refusing_port(5)}"]
        self.assertFound("mx", {"www.failing.test": r"temporary \(SERVFAIL\)",
                                "www.refusing.test": r"temporary \(SERVFAIL\)"}, zones=zones)

    def test_many_at_once_and_again(self):
        names = [f"x{i}.wild.good.test" for i in range(60)]
        found, ms = self.look_up("addr", *names, options=["-n", "3"])
        self.assertEqual(set(found.values()), {"found authentic 192.0.2.9"})
        self.assertLess(ms, 5000, "the third round comes from the cache")


class TestDnsOfSmtp(harness.ServerTest):
    """Rows 35 and 148 with the real executables, in front of a real name server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ns = nameserver.NameServer()
        try:
            cls.make_zones(cls.ns)
            cls.ns.start()
            cls.configure()
        except BaseException:
            cls.tearDownClass()
            raise

    @staticmethod
    def make_zones(ns):
        ns.zone("good.test", GOOD + "host A 127.0.0.1\nclient A 192.0.2.1\nnowhere MX 10 absent\n"
                "some MX 10 www.failing.test.\nsome MX 20 www\nallfail MX 10 www.failing.test.\n")
        ns.zone("plain.test", "www A 192.0.2.2", signed=False)
        ns.zone("tampered.test", "www A 192.0.2.5", break_with=("192.0.2.5", "192.0.2.6"))
        ns.zone("127.in-addr.arpa", "1.0.0 PTR host.good.test.", signed=False, delegate=False)

    @classmethod
    def configure(cls):
        """The server again, now with lookups."""
        cls.server.stop()
        anchor = cls.server.data / "anchor"
        anchor.write_text(f"; of the test\n{cls.ns.anchor}\n")
        zones = [*cls.ns.zone_settings(), f"failing.test 127.0.0.1@{cls.ns.refusing_port()}",
                 f"silent.test 127.0.0.1@{cls.ns.silent_port()}"]
        text = cls.server.config.read_text()
        assert "lookups = false" in text
        listed = ", ".join(f'"{zone}"' for zone in zones)
        cls.server.config.write_text(text.replace("lookups = false",
                                                  f'trust_anchor = "anchor"\n    zones = {{{listed}}}'))
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.ns.close()

    def talk(self, *lines):
        """The last reply."""
        with smtplib.SMTP("127.0.0.1", self.server.port(harness.SMTP), timeout=harness.CLIENT_TIMEOUT_S) as client:
            replies = [client.docmd(line) for line in lines]
            return replies[-1][0], replies[-1][1].decode()

    def assertReply(self, wanted, *lines):
        code, text = self.talk(*lines)
        self.assertTrue(f"{code} {text}".startswith(wanted), f"{lines}: {code} {text}")

    def test_s035_helo_name(self):
        self.assertReply("550 5.5.0", "HELO no.such.good.test")
        self.assertReply("550 5.5.0", "EHLO no.such.plain.test")
        self.assertReply("250 ", "HELO www.failing.test")
        self.assertReply("250 ", "HELO www.tampered.test")
        self.assertReply("250 ", "HELO www.plain.test")
        self.assertReply("250 ", "EHLO chain.good.test")

    def test_s148_sender_domain(self):
        for domain, wanted in (("null.good.test", "550 5.7.27"), ("absent.good.test", "550 5.7.27"),
                               ("absent.plain.test", "550 5.7.27"), ("nowhere.good.test", "550 5.7.27"),
                               ("www.failing.test", "451 4.4.0"), ("allfail.good.test", "451 4.4.0"),
                               ("www.tampered.test", "451 4.4.0"), ("some.good.test", "250 2.1.0"),
                               ("www.plain.test", "250 2.1.0")):
            self.assertReply(wanted, "EHLO www.good.test", f"MAIL FROM:<a@{domain}>")

    def test_silent_name_server_costs_one_deadline(self):
        start = time.monotonic()
        self.assertReply("250 ", "HELO www.silent.test")
        self.assertLess(time.monotonic() - start, 20)

    def test_silent_name_servers_do_not_hold_everybody(self):
        """More sessions than threads wait for name servers that say nothing; another one is served meanwhile."""
        start = time.monotonic()
        for i in range(40):
            waiting = socket.create_connection(("127.0.0.1", self.server.port(harness.SMTP)), 20)
            self.addCleanup(waiting.close)
            waiting.recv(1000)
            waiting.sendall(b"EHLO x%d.silent.test\r\n" % i)
        self.assertReply("250 ", "NOOP")
        self.assertReply("250 ", "EHLO www.good.test", "MAIL FROM:<a@www.plain.test>")
        self.assertLess(time.monotonic() - start, 6)

    def test_s025_noop_is_answered_while_mail_waits(self):
        with socket.create_connection(("127.0.0.1", self.server.port(harness.SMTP)), 20) as client:
            client.recv(1000)
            client.sendall(b"HELO www.good.test\r\n")
            self.assertTrue(client.recv(1000).startswith(b"250 "))
            client.settimeout(3)
            client.sendall(b"NOOP\r\nMAIL FROM:<a@waits.silent.test>\r\n")
            reply = client.recv(1000)
            self.assertTrue(reply.startswith(b"250 2.0.0 "), reply)
            self.assertEqual(reply.count(b"\n"), 1, reply)
            client.settimeout(30)
            self.assertTrue(client.recv(1000).startswith(b"451 4.4.0 "))

    def test_received_names_the_address(self):
        message = harness.new_message("named")
        with smtplib.SMTP("127.0.0.1", self.server.port(harness.SMTP), "www.good.test",
                          timeout=harness.CLIENT_TIMEOUT_S) as client:
            client.sendmail("a@www.good.test", [harness.USER], message.as_bytes())
        self.wait_for_message(message["Message-ID"])
        client = self.server.imap()
        self.addCleanup(client.logout)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (RECEIVED)])")
        self.assertIn(b"from www.good.test (host.good.test [127.0.0.1])", data[0][1].replace(b"\r\n\t", b" "))

    def test_stops_while_names_are_looked_up(self):
        """A question that nobody answers does not hold up the shutdown."""
        waiting = socket.create_connection(("127.0.0.1", self.server.port(harness.SMTP)), 20)
        self.addCleanup(waiting.close)
        waiting.recv(1000)
        waiting.sendall(b"EHLO late.silent.test\r\n")
        time.sleep(0.5)
        self.assertLess(self.server.stop(), 8)
        self.server.start()

    def test_only_mx_has_a_resolver(self):
        maps = {role: pathlib.Path(f"/proc/{self.server.pids(role)[0]}/maps").read_text() for role in ("mx", "access")}
        self.assertIn("libunbound", maps["mx"])
        self.assertNotIn("libunbound", maps["access"])
