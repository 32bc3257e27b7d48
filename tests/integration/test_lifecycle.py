"""Start, stop, restart, a second start, a process that dies, and the commands of an operator."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import unittest

import harness
from harness import IMAPS, wait_until

# Below what every process has open.
FEW_DESCRIPTORS = 4


class TestStartAndStop(unittest.TestCase):
    def setUp(self):
        self.server = harness.Server()
        self.addCleanup(self.server.close)

    def finish(self):
        self.server.stop()
        self.assertEqual(self.server.complaints(), [])

    def test_restart_keeps_mail(self):
        self.server.start()
        ids = [self.server.deliver(f"kept {i}") for i in range(5)]
        self.server.stop()
        self.server.start()
        found, uids = self.server.message_ids()
        self.assertEqual(found, ids)
        self.server.deliver("after")
        self.assertEqual(self.server.message_ids()[1][:5], uids)
        self.finish()

    def test_kill_of_everything_keeps_mail(self):
        self.server.start()
        ids = [self.server.deliver(f"kept {i}") for i in range(5)]
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.message_ids()[0], ids)
        self.server.verify()
        self.finish()

    def test_second_start_on_the_same_directory_is_refused(self):
        self.server.start()
        other = harness.Server(self.server.directory)
        self.addCleanup(other.close)
        other.start(wait=False)
        self.assertNotEqual(other.process.wait(30), 0)
        self.assertTrue(wait_until(other.log, what="a reason in the log"))
        self.server.deliver("still served")
        self.finish()

    def test_graceful_stop_with_open_connections(self):
        self.server.start()
        clients = [self.server.imap() for _ in range(5)] + [self.server.imap(tls=False)]
        for client in clients:
            client.select("INBOX")
        with self.server.smtp() as half:
            half.ehlo()
            half.mail("a@example.org")
            self.assertLess(self.server.stop(), 4.0)
            half.sock.close()
            half.sock = None
        for client in clients:
            client.shutdown()
        self.assertEqual(self.server.complaints(), [])

    def test_stops_on_sigint(self):
        self.server.start()
        self.server.process.send_signal(signal.SIGINT)
        self.assertEqual(self.server.process.wait(harness.STOP_TIMEOUT_S), 0)
        self.assertEqual(self.server.complaints(), [])

    def test_no_process_stays_when_the_supervisor_dies(self):
        self.server.start()
        children = self.server.pids()
        self.assertGreaterEqual(len(children), 3)
        os.kill(self.server.process.pid, signal.SIGKILL)
        self.server.process.wait(10)
        wait_until(lambda: not any(alive(pid) for pid in children), 15, "the end of every child")


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestProcessesAreReplaced(harness.ServerTest):
    """What dies is started again, and service goes on."""

    def kill_role(self, role):
        pids = self.server.pids(role)
        self.assertTrue(pids, f"no process of role {role}")
        # Whatever the others log about a neighbour that vanished is part of this test.
        self.server.expect_error(".*")
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: set(self.server.pids(role)) - set(pids), 30, f"a new {role}")

    def works(self):
        def attempt():
            try:
                return self.server.deliver("again")
            except (OSError, harness.smtplib.SMTPException):
                return None

        message_id = wait_until(attempt, 30, "a delivery", 0.2)

        def arrived():
            try:
                return message_id in self.server.message_ids()[0]
            except (OSError, harness.imaplib.IMAP4.error):
                return False

        wait_until(arrived, 30, "the message", 0.2)

    def test_each_role(self):
        for role in ("mx", "access", "store", "keys"):
            with self.subTest(role):
                self.kill_role(role)
                self.works()


class TestChannels(unittest.TestCase):
    """Edge and store stay connected, also when neither of them ends."""

    def setUp(self):
        self.server = harness.Server()
        self.addCleanup(self.server.close)
        self.server.start()
        self.server.stop()
        with self.server.config.open("a") as config:
            config.write("process mx { threads = 1 }\n")
        self.server.start()

    def test_broken_channel_is_replaced(self):
        store, mx = self.server.pids("store"), self.server.pids("mx")
        self.server.expect_error("cannot take new connections")
        message = harness.new_message("large", "0123456789abcdef\r\n" * 10000)

        def send():
            # When DATA is refused the connection ends, so that the content is never taken for commands.
            try:
                with self.server.smtp() as client:
                    client.sendmail("a@example.org", [harness.USER], message.as_bytes())
            except harness.smtplib.SMTPException:
                return False
            return True

        before = resource.prlimit(mx[0], resource.RLIMIT_NOFILE)
        with self.server.smtp() as client:
            client.ehlo()
            # The only thread cannot take the spool's descriptor from the store, and so has to give up its channel.
            resource.prlimit(mx[0], resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, before[1]))
            with self.assertRaises(harness.smtplib.SMTPException):
                client.sendmail("a@example.org", [harness.USER], message.as_bytes())
            resource.prlimit(mx[0], resource.RLIMIT_NOFILE, before)
        wait_until(send, 30, "a delivery", 0.2)
        self.assertIn(message["Message-ID"], self.server.message_ids()[0])
        self.assertEqual((self.server.pids("store"), self.server.pids("mx")), (store, mx))
        self.server.stop()
        self.assertEqual(self.server.complaints(), [])


class TestReload(harness.ServerTest):
    """New processes take the new connections; what is open goes on in the old ones."""

    def certificate(self):
        with socket.create_connection(("127.0.0.1", self.server.port(IMAPS)), timeout=30) as plain:
            with harness.insecure_tls().wrap_socket(plain) as secured:
                return secured.getpeercert(binary_form=True)

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-days", "2", "-keyout", self.server.data / "localhost.key", "-out",
                        self.server.data / "localhost.pem"], check=True, capture_output=True)

    def reload(self):
        before = self.server.pids("mx") + self.server.pids("access")
        self.server.process.send_signal(signal.SIGHUP)

        def replaced():
            ready = [line for line in self.server.command("status").stdout.splitlines() if "ready" in line]
            return all(any(role in line for line in ready) for role in ("mx", "access")) and \
                len(set(self.server.pids("mx") + self.server.pids("access")) - set(before)) == 2

        wait_until(replaced, 30, "new processes")
        return before

    def test_open_sessions_go_on_and_new_ones_see_the_change(self):
        old_certificate = self.certificate()
        imap = self.server.imap()
        imap.select("INBOX")
        with self.server.smtp() as smtp:
            smtp.ehlo()
            smtp.mail("a@example.org")
            smtp.rcpt(harness.USER)
            self.assertEqual(smtp.docmd("DATA")[0], 354)
            smtp.send(b"Message-ID: <half@client.example>\r\n\r\nfirst half\r\n")
            self.make_certificate()
            old_pids = self.reload()
            # Many enough that an old process that still accepted would take some.
            certificates = [wait_until(self.certificate, 5) for _ in range(30)]
            self.assertNotIn(old_certificate, certificates[-20:])
            self.assertEqual(imap.noop()[0], "OK")
            smtp.send(b"second half\r\n.\r\n")
            self.assertEqual(smtp.getreply()[0], 250)
        self.server.deliver("after the reload")
        self.assertEqual(imap.noop()[0], "OK")
        self.assertEqual(imap.select("INBOX")[1], [b"2"])
        self.assertIn("<half@client.example>", self.server.message_ids()[0])
        imap.logout()
        wait_until(lambda: not any(alive(pid) for pid in old_pids), 15, "the end of the old processes")


class TestCommands(harness.ServerTest):
    def test_status_names_every_role(self):
        output = self.server.command("status").stdout
        for role in ("store", "mx", "access"):
            self.assertIn(role, output)

    def test_new_account_receives_and_logs_in(self):
        self.server.command("config", "account", "add", "ann", "ann@localhost")
        self.server.command("setaccountpassword", "ann", stdin="annannannann\n")
        self.assertIn("ann", self.server.command("config", "account", "list").stdout)
        self.server.deliver("for ann", to="ann@localhost")
        with self.server.imap(user="ann@localhost", password="annannannann") as client:
            self.assertEqual(client.select("INBOX")[1], [b"1"])
        self.server.command("config", "account", "rm", "ann")
        with self.assertRaises(harness.imaplib.IMAP4.error):
            self.server.imap(user="ann@localhost", password="annannannann")

    def test_verify_is_clean(self):
        for size in (10, 20000, 200000):
            self.server.deliver("to verify", "x" * 70 + "\r\n" * (size // 72))
        self.server.verify()

    def test_log_level_can_be_changed_while_it_runs(self):
        self.server.command("loglevels", "debug")
        self.server.command("loglevels", "info")

    def test_unknown_command_says_what_there_is(self):
        result = self.server.command("frobnicate", check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("usage", result.stderr.lower())


class TestConfiguration(unittest.TestCase):
    """`godwit config` reads a file without a server."""

    def run_test(self, text):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "godwit.conf"
            path.write_text(text)
            return subprocess.run([harness.BUILD / "godwit", "--config", path, "config", "test"],
                                  capture_output=True, text=True, timeout=30)

    def test_described_configuration_is_accepted(self):
        described = subprocess.run([harness.BUILD / "godwit", "config", "describe"], capture_output=True, text=True,
                                   timeout=30)
        self.assertEqual(described.returncode, 0, described.stderr)
        self.assertGreater(len(described.stdout.splitlines()), 20)

    def test_fault_is_named_with_its_line(self):
        result = self.run_test('hostname = "mail.example.org"\nno_such_key = 1\n')
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("godwit.conf:2:", result.stdout + result.stderr)

    def test_first_configuration_of_localserve_is_accepted(self):
        server = harness.Server()
        self.addCleanup(server.close)
        server.start()
        self.assertIn("config OK", server.command("config", "test").stdout)
        server.stop()


class TestSandbox(harness.ServerTest):
    """What the kernel says about each process."""

    def status(self, pid):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def test_every_role_is_sandboxed(self):
        for role in ("mx", "access", "store", "keys"):
            for pid in self.server.pids(role):
                with self.subTest(role):
                    status = self.status(pid)
                    self.assertEqual(status["NoNewPrivs"], "1")
                    self.assertEqual(status["Seccomp"], "2")

    def test_every_thread_is_sandboxed(self):
        for pid in self.server.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with self.subTest(task):
                    self.assertEqual(self.status(f"{pid}/task/{task.name}")["Seccomp"], "2")

    def descriptors(self, pid):
        """What its descriptors are. Behind an enforced sandbox nobody but root may look, not even the user who started
        it: then there is nothing to see here, and that is right."""
        try:
            return [os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        except PermissionError:
            self.assertNotEqual(os.getuid(), 0)
            return []

    def test_edges_hold_no_file_of_the_data_directory(self):
        self.server.deliver("for the descriptors")
        for role in ("mx", "access"):
            for pid in self.server.pids(role):
                for target in self.descriptors(pid):
                    self.assertFalse(target.startswith(str(self.server.data)), f"{role} holds {target}")

    def test_store_holds_no_internet_socket(self):
        inodes = set()
        for table in ("tcp", "tcp6", "udp", "udp6"):
            path = pathlib.Path(f"/proc/net/{table}")
            if not path.exists():  # no IPv6 in this kernel
                continue
            for line in path.read_text().splitlines()[1:]:
                inodes.add(line.split()[9])
        for pid in self.server.pids("store"):
            for target in self.descriptors(pid):
                if target.startswith("socket:["):
                    self.assertNotIn(target[8:-1], inodes)


class TestEnvironment(harness.ServerTest):
    """Another time zone and locale change nothing."""

    server_env = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C"}

    def test_mail_goes_through(self):
        message_id = self.server.deliver("zone")
        self.assertIn(message_id, self.server.message_ids()[0])

