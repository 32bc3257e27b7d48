"""Starts a server of our own for a test and looks at it from outside.

    class TestSomething(harness.ServerTest):
        def test_it(self):
            self.server.deliver("subject")
            with self.server.imap() as client: ...

A ServerTest has one `godwit localserve` for all its tests, in its own directory and on its own ports, so classes run
beside each other. At the end the server has to stop in time, and neither a sanitizer nor the log may have complained.
The executables are those of $GODWIT_BUILD (build-asan when it is not set).
"""

import contextlib
import email.message
import email.policy
import email.utils
import fcntl
import imaplib
import os
import pathlib
import random
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GODWIT_BUILD", ROOT / "build-asan"))
LONG = os.environ.get("GODWIT_TEST_LONG") == "1"

USER = "user@localhost"
PASSWORD = "godwitgodwit"

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
CLIENT_TIMEOUT_S = 60

# What the base port is added to.
SMTP, SUBMISSION, SUBMISSIONS, IMAP, IMAPS, HTTP, HTTPS, METRICS = 25, 587, 465, 143, 993, 80, 443, 910
SERVICES = (SMTP, SUBMISSION, SUBMISSIONS, IMAP, IMAPS, HTTP, HTTPS, METRICS)

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|UndefinedBehaviorSanitizer")
ERROR_LINE = re.compile(r"(^|\s)l=error(\s|$)")
FORBIDDEN_CALL = re.compile(r'm="process ended" .*\bsignal=31\b')  # SIGSYS: the sandbox


def insecure_tls():
    """A client's context that takes the self-signed certificate of localserve."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def wait_until(condition, timeout_s=20.0, what="condition", step_s=0.02):
    """The first true value of condition(); an AssertionError when there is none in time."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s} s for: {what}")
        time.sleep(step_s)


class Ports:
    """A thousand ports below those that the kernel gives to clients, locked for as long as they are used."""

    def __init__(self):
        bases = list(range(2000, 32000, 1000))
        random.shuffle(bases)
        for base in bases:
            if self._try(base):
                return
        raise RuntimeError("no free ports for a test server")

    def _try(self, base):
        path = pathlib.Path(tempfile.gettempdir()) / f"godwit-test-ports-{os.getuid()}-{base}"
        lock = open(path, "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for offset in SERVICES:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            lock.close()
            return False
        self.base, self._lock = base, lock
        return True

    def release(self):
        self._lock.close()


class Server:
    def __init__(self, directory=None, args=(), env=None):
        self._own_directory = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="godwit-test-"))
        self.data = self.directory / "server"
        self.config = self.data / "godwit.conf"
        self.args = list(args)
        self.env = dict(os.environ, **(env or {}))
        self.ports = Ports()
        self.base = self.ports.base
        self.process = None
        self.log_lines = []
        self._reader = None
        self._ready = threading.Event()
        self.expected_errors = []
        self.program = str(BUILD / "godwit")

    # --- life ---

    def start(self, wait=True):
        self._ready.clear()
        command = [self.program, "localserve", "--dir", str(self.data), *self.args]
        if not self.config.exists():
            command += ["--base-port", str(self.base)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=self.env, text=True, errors="replace",
                                        start_new_session=True)
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        if wait:
            end = time.monotonic() + START_TIMEOUT_S
            while not self._ready.wait(0.05):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError("the server did not become ready:\n" + self.log()[-6000:])
        return self

    def _read(self, pipe):
        for line in pipe:
            self.log_lines.append(line.rstrip("\n"))
            if line.strip() == "ready":
                self._ready.set()

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        """Asks it to end; the seconds that this took. Fails when it ends badly or not at all."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {timeout_s} s:\n{self.log()[-4000:]}") from None
        seconds = time.monotonic() - start
        self._reader.join(5)
        if status != 0:
            raise AssertionError(f"the server ended with {status}:\n{self.log()[-4000:]}")
        return seconds

    def kill(self):
        """The supervisor and everything below it, at once, as when the power fails for the programs."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._reader.join(5)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.ports.release()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    # --- what it says ---

    def log(self):
        return "\n".join(self.log_lines)

    def expect_error(self, pattern):
        """Lines of level error that match are part of the test."""
        self.expected_errors.append(re.compile(pattern))

    def complaints(self):
        found = []
        for number, line in enumerate(self.log_lines):
            if SANITIZER.search(line) or FORBIDDEN_CALL.search(line):
                return ["\n".join(self.log_lines[number:number + 60])]
            if ERROR_LINE.search(line) and not any(p.search(line) for p in self.expected_errors):
                found.append(line)
        return found

    # --- its processes ---

    def pids(self, role=None):
        """Process ids of the children, of one role when it is named: "mx", "access", "store"."""
        try:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except OSError:
            return []
        found = []
        for pid in map(int, children):
            with contextlib.suppress(OSError):
                name = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode().rsplit("/", 1)[-1]
                if role is None or name == f"godwit-{role}":
                    found.append(pid)
        return found

    def command(self, *args, check=True, timeout_s=CLIENT_TIMEOUT_S, stdin=""):
        """Runs `godwit ARGS` against this server; the finished process."""
        command = [self.program, "--config", str(self.config), *args]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, errors="replace",
                                timeout=timeout_s, env=self.env)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: status {result.returncode}\n{result.stdout}{result.stderr}")
        if SANITIZER.search(result.stderr):
            raise AssertionError(result.stderr)
        return result

    # --- clients ---

    def port(self, service):
        return self.base + service

    def smtp(self, service=SMTP):
        if service == SUBMISSIONS:
            client = smtplib.SMTP_SSL("127.0.0.1", self.port(service), "client.example", timeout=CLIENT_TIMEOUT_S,
                                      context=insecure_tls())
        else:
            client = smtplib.SMTP("127.0.0.1", self.port(service), "client.example", timeout=CLIENT_TIMEOUT_S)
        if service == SUBMISSION:
            client.starttls(context=insecure_tls())
        if service in (SUBMISSION, SUBMISSIONS):
            client.login(USER, PASSWORD)
        return client

    def imap(self, login=True, tls=True, user=USER, password=PASSWORD):
        if tls:
            client = imaplib.IMAP4_SSL("127.0.0.1", self.port(IMAPS), ssl_context=insecure_tls(),
                                       timeout=CLIENT_TIMEOUT_S)
        else:
            client = imaplib.IMAP4("127.0.0.1", self.port(IMAP), timeout=CLIENT_TIMEOUT_S)
        if login:
            client.login(user, password)
        return client

    def deliver(self, subject="test", body="Hello.\r\n", sender="sender@example.org", to=USER, service=SMTP,
                message_id=None):
        """Sends one message; its Message-ID."""
        message = new_message(subject, body, sender, to, message_id)
        with self.smtp(service) as client:
            client.sendmail(sender, [to], message.as_bytes())
        return message["Message-ID"]

    def message_ids(self, mailbox="INBOX"):
        """Message-IDs in the order of their UIDs, and the UIDs."""
        client = self.imap()
        try:
            status, _ = client.select(mailbox, readonly=True)
            if status != "OK":
                return [], []
            status, data = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
            ids, uids = [], []
            for part in data:
                if not isinstance(part, tuple):
                    continue
                uids.append(int(re.search(rb"UID (\d+)", part[0])[1]))
                match = re.search(rb"<[^>]+>", part[1])
                ids.append(match[0].decode() if match else "")
            return ids, uids
        finally:
            with contextlib.suppress(Exception):
                client.logout()

    def verify(self):
        """`godwit verify` has to find nothing."""
        return self.command("verify", timeout_s=120).stdout


def new_message(subject, body="Hello.\r\n", sender="sender@example.org", to=USER, message_id=None):
    message = email.message.EmailMessage(policy=email.policy.SMTP)  # line ends as on the wire
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = message_id or f"<{uuid.uuid4()}@client.example>"
    message.set_content(body.replace("\r\n", "\n"))
    return message


class ServerTest(unittest.TestCase):
    server_args = ()
    server_env = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(args=cls.server_args, env=cls.server_env)
        try:
            cls.server.start()
        except BaseException:
            cls.server.close()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.server.process.poll() is None:
                cls.server.stop()
            complaints = cls.server.complaints()
            if complaints:
                raise AssertionError("the server complained:\n" + "\n".join(complaints[:20]))
        finally:
            cls.server.close()

    def assertNothingComplained(self):
        complaints = self.server.complaints()
        self.assertFalse(complaints, "\n".join(complaints[:20]))

    def run_client(self, *command, timeout_s=CLIENT_TIMEOUT_S, status=0, **more):
        """Runs a client program; its output. It has to end with that status."""
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s,
                                **{"stdin": subprocess.DEVNULL, **more})
        self.assertEqual(result.returncode, status,
                         f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
        return result.stdout + result.stderr

    def wait_for_message(self, message_id, mailbox="INBOX"):
        wait_until(lambda: message_id in self.server.message_ids(mailbox)[0], what=f"message {message_id}")

    def subjects(self, mailbox="INBOX"):
        with self.server.imap() as client:
            client.select(mailbox, readonly=True)
            _, data = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            return [part[1].decode(errors="replace").partition(":")[2].strip()
                    for part in data if isinstance(part, tuple)]
