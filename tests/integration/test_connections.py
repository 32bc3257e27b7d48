"""Connections: limits, slow answers, timeouts, shutdown, proxies. Tests named row_N are rows of the acceptance table."""

import contextlib
import os
import resource
import signal
import socket
import ssl
import struct
import time

import harness


class ConnectionTest(harness.ServerTest):
    """A server whose configuration is changed by `replace`, and lines of SMTP."""

    replace = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        text = cls.server.config.read_text()
        for old, new in cls.replace:
            assert old in text, old
            text = text.replace(old, new)
        cls.server.config.write_text(text)
        before = set(cls.server.pids())
        cls.server.process.send_signal(signal.SIGHUP)
        stay = set(cls.server.pids("store") + cls.server.pids("keys"))
        harness.wait_until(lambda: set(cls.server.pids()) & before == stay, what="new edges")

    @contextlib.contextmanager
    def connect(self, service=harness.SMTP, source="127.0.0.1", tls=False):
        with socket.create_connection(("127.0.0.1", self.server.port(service)), harness.CLIENT_TIMEOUT_S,
                                      (source, 0)) as plain:
            with harness.insecure_tls().wrap_socket(plain) if tls else plain as connection:
                yield connection

    @staticmethod
    def line(connection):
        """Up to the line feed; empty at the end."""
        octets = b""
        while not octets.endswith(b"\n"):
            octet = connection.recv(1)
            if not octet:
                break
            octets += octet
        return octets.decode()

    def say(self, connection, text):
        connection.sendall(text.encode() + b"\r\n")
        while True:
            line = self.line(connection)
            if line[3:4] != "-":
                return line

    def assertRefused(self, connection, code="421 4.7.0"):
        self.assertTrue(self.line(connection).startswith(code))
        self.assertEqual(self.line(connection), "")


RATE = "connection_rate = {0, 0, 0}"
OPEN = "connections_open = {0, 0, 0}"
FAILURES = "auth_failures = {0, 0, 0}"
DELAYS = "delays = false"


class TestRate(ConnectionTest):
    replace = ((RATE, "connection_rate = {300, 900, 2700}"),)

    def test_row_10_more_connections_than_the_rate(self):
        greeted = refused = 0
        for _ in range(601):
            with self.connect(source="127.0.0.2") as connection:
                line = self.line(connection)
            greeted += line.startswith("220 ")
            refused += line.startswith("421 4.7.0 ")
            last = line
        self.assertEqual(greeted + refused, 601)
        self.assertGreaterEqual(greeted, 300)
        self.assertTrue(last.startswith("421 4.7.0 "), last)
        with self.connect(source="127.1.0.2") as connection:  # another network
            self.assertTrue(self.line(connection).startswith("220 "))


class TestFailedLogins(ConnectionTest):
    replace = ((FAILURES, "auth_failures = {10, 30, 90}"), (DELAYS, "delays = false"))
    BAD = "AUTH PLAIN AGJhZABiYWQ="

    def test_row_11_too_many_failed_logins(self):
        replies = []
        for _ in range(21):
            with self.connect(harness.SUBMISSION) as connection:
                greeting = self.line(connection)
                if not greeting.startswith("220 "):
                    replies.append(greeting)
                    continue
                self.say(connection, "EHLO client.example")
                replies.append(self.say(connection, self.BAD))
        self.assertTrue(all(r.startswith("535 5.7.8 ") for r in replies[:10]), replies)
        self.assertTrue(replies[20].startswith("421 4.7.0 "), replies[20])

    def test_full_limiter_ends_open_connections(self):
        with self.connect(harness.SUBMISSION, source="127.2.0.1") as connection:
            self.line(connection)
            self.say(connection, "EHLO client.example")
            for _ in range(10):
                self.assertTrue(self.say(connection, self.BAD).startswith("535 5.7.8 "))
            self.assertTrue(self.say(connection, self.BAD).startswith("421 4.7.0 "))
            self.assertEqual(self.line(connection), "")


class TestOpen(ConnectionTest):
    replace = ((OPEN, "connections_open = {30, 90, 270}"),)

    def test_row_12_open_connections(self):
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(self.connect()) for _ in range(30)]
            for connection in held:
                self.assertTrue(self.line(connection).startswith("220 "))
            with self.connect() as connection:
                self.assertRefused(connection)
            self.assertTrue(self.say(held.pop(), "QUIT").startswith("221 "))

            def greeted():
                with self.connect() as connection:
                    return self.line(connection).startswith("220 ")

            harness.wait_until(greeted, what="room for one more")

    def test_limits_come_before_tls(self):
        with contextlib.ExitStack() as stack:
            for _ in range(30):
                self.line(stack.enter_context(self.connect(harness.SUBMISSIONS, "127.3.0.1", tls=True)))
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                stack.enter_context(self.connect(harness.SUBMISSIONS, "127.3.0.1", tls=True))


class TestTimeouts(ConnectionTest):
    replace = (("    imap { port", "    hostname = \"d1.example\"\n    imap { port"),
               ("hostname = \"localhost\"", "hostname = \"localhost\"\ntimeouts {\n    command = 2\n}"))

    def test_row_17_greeting_of_the_listener(self):
        with self.connect() as connection:
            line = self.line(connection)
        self.assertRegex(line, r"^220 d1\.example ESMTP [^0-9]*\r\n$")

    def test_silence_ends_with_421(self):
        with self.connect() as connection:
            self.line(connection)
            self.assertRefused(connection, "421 4.4.2")

    def test_slow_loris(self):
        with self.connect() as connection:
            self.line(connection)
            start = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - start < 20:
                    connection.sendall(b"N")
                    time.sleep(0.5)
                    connection.settimeout(0.01)
                    with contextlib.suppress(TimeoutError):
                        if connection.recv(100).startswith(b"421 4.4.2"):
                            break
            self.assertLess(time.monotonic() - start, 10)

    def test_other_protocols(self):
        for octets in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                       b"OPTIONS sip:x SIP/2.0\r\n", b"*1\r\n$4\r\nPING\r\n"):
            with self.subTest(octets=octets), self.connect() as connection:
                self.line(connection)
                connection.sendall(octets)
                rest = b""
                with contextlib.suppress(ConnectionError):
                    while part := connection.recv(1000):
                        rest += part
                self.assertLessEqual(rest.count(b"\n"), 1)


class TestShutdown(ConnectionTest):
    replace = ()

    def test_row_18_shutdown(self):
        with contextlib.ExitStack() as stack:
            idle, busy = (stack.enter_context(self.connect()) for _ in range(2))
            for connection in (idle, busy):
                self.line(connection)
            for text in ("EHLO client.example", "MAIL FROM:<a@b.example>", f"RCPT TO:<{harness.USER}>", "DATA"):
                self.say(busy, text)
            self.server.process.send_signal(signal.SIGTERM)
            self.assertRefused(idle, "421 4.3.2")
            with self.connect() as connection:
                self.assertRefused(connection, "421 4.3.2")
            # The message under way still gets through; the next command does not.
            self.assertTrue(self.say(busy, "Subject: x\r\n\r\nx\r\n.").startswith("250 "))
            self.assertRefused(busy, "421 4.3.2")
        self.assertEqual(self.server.process.wait(harness.STOP_TIMEOUT_S), 0)


class TestSlow(ConnectionTest):
    replace = ((DELAYS, "delays = true"),)

    def test_row_24_guessing_is_slow(self):
        with self.connect(harness.SUBMISSION) as connection:
            self.line(connection)
            self.say(connection, "EHLO client.example")
            for _ in range(2):
                start = time.monotonic()
                self.assertTrue(self.say(connection, TestFailedLogins.BAD).startswith("535 "))
                self.assertLess(time.monotonic() - start, 2)
            connection.sendall(TestFailedLogins.BAD.encode() + b"\r\n")
            first, sizes, start = None, [], time.monotonic()
            while time.monotonic() - start < 6:
                connection.settimeout(6)
                part = connection.recv(100)
                first = first or part
                sizes.append(len(part))
                if len(sizes) == 3:
                    break
            self.assertEqual((first, sizes), (b"5", [1, 1, 1]))
            self.assertGreater(time.monotonic() - start, 1.5)
        # It leaves all the same, within the time for writing; others are not slow.
        with self.connect(harness.SUBMISSION) as connection:
            start = time.monotonic()
            self.line(connection)
            self.assertLess(time.monotonic() - start, 2)


class TestProxy(ConnectionTest):
    replace = (("    imap { port", "    proxy_networks = {\"127.0.0.0/16\"}\n    imap { port"),
               (RATE, "connection_rate = {2, 0, 0}"))
    SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

    def header(self, source, command=0x21):
        return (self.SIGNATURE + bytes((command, 0x11)) + struct.pack("!H", 15) + socket.inet_aton(source) +
                socket.inet_aton("198.51.100.2") + struct.pack("!HH", 4711, 25) + b"\x01\0\0")

    def test_received_names_the_client(self):
        with self.connect() as connection:
            connection.sendall(self.header("192.0.2.7"))
            self.assertTrue(self.line(connection).startswith("220 "))
            for text in ("EHLO client.example", "MAIL FROM:<a@b.example>", f"RCPT TO:<{harness.USER}>", "DATA"):
                self.say(connection, text)
            self.assertTrue(self.say(connection, "From: a@b.example\r\nSubject: x\r\n\r\nx\r\n.").startswith("250 "))
        self.assertIn("192.0.2.7", self.server.log())

    def test_limits_know_the_client(self):
        for n in range(3):
            with self.connect() as connection:
                connection.sendall(b"PROXY TCP4 192.0.2.8 198.51.100.2 4711 25\r\n")
                self.assertTrue(self.line(connection).startswith("220 " if n < 2 else "421 4.7.0 "))
        with self.connect() as connection:
            connection.sendall(self.header("192.0.2.9"))
            self.assertTrue(self.line(connection).startswith("220 "))

    def test_before_tls(self):
        with socket.create_connection(("127.0.0.1", self.server.port(harness.SUBMISSIONS)), 20) as plain:
            plain.sendall(self.header("192.0.2.10"))
            with harness.insecure_tls().wrap_socket(plain) as connection:
                self.assertTrue(self.line(connection).startswith("220 "))

    def test_who_may_not(self):
        with self.connect(source="127.9.0.1") as connection:  # of no listed network
            self.assertRefused(connection)
        for octets in (b"EHLO client.example\r\n", self.SIGNATURE + b"\x31\x11\0\0"):
            with self.subTest(octets=octets), self.connect() as connection:
                connection.sendall(octets)
                with contextlib.suppress(ConnectionError):
                    self.assertEqual(self.line(connection), "")


class TestManyConnections(ConnectionTest):
    """Row 17 of the faults: memory stays as it is, but for what a sanitizer keeps of freed memory."""

    server_env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                  ":quarantine_size_mb=1:detect_stack_use_after_return=0"}

    def test_short_connections(self):
        rounds = 1_000_000 if harness.LONG else 15_000
        memory = []
        for n in range(rounds):
            with self.connect() as connection:
                connection.sendall(b"QUIT\r\n")
                while connection.recv(1000):
                    pass
            if n in (rounds // 2, rounds - 1):
                memory.append(self.memory_kb())
        self.assertLess(memory[1] - memory[0], 4096, memory)

    def test_failed_commands(self):
        rounds = 100_000 if harness.LONG else 15_000
        memory = []
        for n in range(rounds // 10):
            with self.connect() as connection:
                connection.sendall(b"EHLO c.example\r\n" + b"MAIL FROM:<a@b.example>\r\nRSET\r\nRCPT TO:<x>\r\n" * 5 +
                                   b"QUIT\r\n")
                while connection.recv(1000):
                    pass
            if n in (rounds // 20, rounds // 10 - 1):
                memory.append(self.memory_kb())
        self.assertLess(memory[1] - memory[0], 4096, memory)

    def memory_kb(self):
        pages = int(open(f"/proc/{self.server.pids('mx')[0]}/statm").read().split()[1])
        return pages * resource.getpagesize() // 1024
