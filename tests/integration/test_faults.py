"""The disk of the real programs fails: power cuts, a full disk, failed syncs, damaged bodies. What was acknowledged is
there, once and whole; what could not be stored was refused; and service comes back by itself."""

import contextlib
import imaplib
import os
import pathlib
import random
import re
import shutil
import smtplib
import subprocess
import threading
import time
import unittest
import uuid

import harness

ROUNDS = 40 if harness.LONG else 8


def faults_directory():
    """Where the build has libfaultinject.so and faults-undo."""
    for base in (harness.BUILD, harness.BUILD.parent, harness.BUILD.parent.parent):
        if (base / "tests/faults/libfaultinject.so").exists():
            return base / "tests/faults"
    raise RuntimeError(f"no libfaultinject.so in {harness.BUILD}")


def sanitized():
    return b"__asan_" in pathlib.Path(harness.BUILD / "godwit-store").read_bytes()


class FaultServer(harness.Server):
    """A server whose programs have libfaultinject. All of them in builds with sanitizers, whose sandbox only logs; else
    the store alone (built with -Dtest_hooks=true, so that the supervisor passes the environment on)."""

    def __init__(self, undo=False):
        super().__init__()
        self.undo_log = self.directory / "undo" if undo else None
        self.control = self.data / "data/fault-plan"  # where the sandbox lets the store read
        options = os.environ.get("ASAN_OPTIONS", "")
        self.env |= {
            "LD_PRELOAD": str(faults_directory() / "libfaultinject.so"),
            "FAULTINJECT_PATH": str(self.data),
            "FAULTINJECT_CONTROL": str(self.control),
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0",
        }
        if undo:
            self.env["FAULTINJECT_UNDO"] = str(self.undo_log)
        if undo or not sanitized():
            self.env["FAULTINJECT_PROGRAM"] = "godwit-store"

    def plan(self, text):
        """From now on; "" ends it. The file is replaced, so that nobody reads half of it."""
        new = self.control.with_suffix(".new")
        new.write_text(text)
        new.rename(self.control)

    def lose_power(self):
        """Everything stops, and what was not synced is gone."""
        self.kill()
        subprocess.run([faults_directory() / "faults-undo", self.undo_log], check=True, timeout=120)
        self.undo_log.unlink()


class Load:
    """Clients that send and append, and note what was acknowledged."""

    def __init__(self, server, senders=2, appenders=1):
        self.server = server
        self.acknowledged, self.attempted = set(), set()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._send, daemon=True) for _ in range(senders)]
        self.threads += [threading.Thread(target=self._append, daemon=True) for _ in range(appenders)]
        for thread in self.threads:
            thread.start()

    def _message(self):
        message_id = f"<{uuid.uuid4()}@load.example>"
        body = "line of the body\r\n" * random.choice((1, 50, 1500, 6000))
        body += random.randbytes(random.choice((0, 50, 8000))).hex()  # does not compress
        with self.lock:
            self.attempted.add(message_id)
        return message_id, harness.new_message("load", body, message_id=message_id).as_bytes()

    def _note(self, message_id):
        with self.lock:
            self.acknowledged.add(message_id)

    def _send(self):
        while not self.stopped.is_set():
            with contextlib.suppress(OSError, smtplib.SMTPException), self.server.smtp() as client:
                while not self.stopped.is_set():
                    message_id, octets = self._message()
                    client.sendmail("load@example.org", [harness.USER], octets)
                    self._note(message_id)
            self.stopped.wait(0.05)

    def _append(self):
        while not self.stopped.is_set():
            with contextlib.suppress(OSError, imaplib.IMAP4.error), self.server.imap() as client:
                while not self.stopped.is_set():
                    message_id, octets = self._message()
                    if client.append("INBOX", "", None, octets)[0] == "OK":
                        self._note(message_id)
            self.stopped.wait(0.05)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(90)
            if thread.is_alive():
                raise AssertionError("a client does not end")


class Mailbox:
    """What INBOX has had so far: over all rounds a message keeps its UID, and no UID is given twice."""

    def __init__(self, test, server):
        self.test, self.server = test, server
        self.uid_of = {}
        self.acknowledged, self.attempted = set(), set()

    def add(self, load):
        self.acknowledged |= load.acknowledged
        self.attempted |= load.attempted

    def check(self):
        test = self.test
        ids, uids = self.server.message_ids()
        test.assertEqual(uids, sorted(set(uids)), "UIDs are unique and grow")
        test.assertEqual(len(ids), len(set(ids)), "a message is there twice")
        now = dict(zip(ids, uids))
        lost = self.acknowledged - set(now)
        test.assertFalse(lost, f"{len(lost)} acknowledged messages are lost")
        test.assertFalse(set(now) - self.attempted, "messages that nobody sent")
        highest = max(self.uid_of.values(), default=0)
        for message_id, uid in self.uid_of.items():
            test.assertEqual(now.get(message_id), uid, "a message has lost its UID")
        for message_id in set(now) - set(self.uid_of):
            test.assertGreater(now[message_id], highest, "a UID came back")
        self.uid_of = now


class Shuffle:
    """A client that moves the same messages back and forth: at any moment each is in one of two mailboxes, once."""

    mailboxes = ("Archive", "Trash")

    def __init__(self, server):
        self.server = server
        self.stopped = threading.Event()
        self.moves = 0
        self.thread = None
        with server.imap() as client:
            self.ids = []
            for number in range(12):
                message = harness.new_message("moves", "text\r\n" * (1 + number % 3 * 4000))
                self.ids.append(message["Message-ID"])
                client.append("Archive", "", None, message.as_bytes())

    def start(self):
        self.stopped.clear()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.thread.join(90)

    def _run(self):
        while not self.stopped.is_set():
            with contextlib.suppress(OSError, imaplib.IMAP4.error), self.server.imap() as client:
                while not self.stopped.is_set():
                    source, target = random.sample(self.mailboxes, 2)
                    client.select(source)
                    sequence = client.uid("SEARCH", "ALL")[1][0].split()
                    if sequence:
                        chosen = random.sample(sequence, random.randrange(1, len(sequence) + 1))
                        client.uid("STORE", b",".join(chosen).decode(), "+FLAGS", r"(\Flagged)")
                        client.uid("MOVE", b",".join(chosen).decode(), target)
                        self.moves += 1
            self.stopped.wait(0.05)

    def check(self, test):
        found = []
        for mailbox in self.mailboxes:
            ids, uids = self.server.message_ids(mailbox)
            test.assertEqual(uids, sorted(set(uids)))
            found += ids
        test.assertEqual(sorted(found), sorted(self.ids), "a message was lost or doubled on its way")


class FaultTest(unittest.TestCase):
    undo = False

    def setUp(self):
        self.server = FaultServer(undo=self.undo)
        self.addCleanup(self.server.close)
        self.server.expect_error(".*")  # the disk fails: that is said, and belongs to the test
        self.server.start()

    def finish(self):
        self.server.verify()
        self.server.stop()
        self.assertEqual(self.server.complaints(), [])


class TestPowerCut(FaultTest):
    undo = True

    def test_rounds(self):
        mailbox = Mailbox(self, self.server)
        shuffle = Shuffle(self.server)
        for number in range(ROUNDS):
            load = Load(self.server)
            shuffle.start()
            harness.wait_until(lambda load=load: load.count() >= 3, 60, f"mail in round {number}")
            time.sleep(random.uniform(0, 0.5))
            self.server.lose_power()
            load.stop()
            shuffle.stop()
            mailbox.add(load)
            self.server.start()
            mailbox.check()
            shuffle.check(self)
            self.server.verify()
        self.assertGreater(shuffle.moves, ROUNDS)
        self.finish()


class TestFullDisk(FaultTest):
    small, large = "text\r\n", "a line that is long enough to fill a spool\r\n" * 4000

    def assertRefused(self, body):
        with self.assertRaises(smtplib.SMTPResponseException) as caught:
            self.server.deliver("refused", body)
        self.assertEqual(caught.exception.smtp_code // 100, 4, caught.exception.smtp_error)
        return caught.exception

    def test_refuses_and_recovers(self):
        kept = [self.server.deliver("before", body) for body in (self.small, self.large)]
        client = self.server.imap()
        client.select("INBOX")
        for error in ("ENOSPC", "EDQUOT", "EIO", "EROFS"):
            for kind in ("write", "sync"):
                with self.subTest(error=error, kind=kind):
                    self.server.plan(f"{kind}:1:{error}:0")
                    for body in (self.small, self.large):
                        self.assertRefused(body)
                    message = harness.new_message("refused", self.small).as_bytes()
                    self.assertEqual(client.append("INBOX", "", None, message)[0], "NO")
                    self.assertEqual(client.store("1", "+FLAGS", r"(\Flagged)")[0], "NO")
                    self.assertEqual(client.copy("1", "Archive")[0], "NO")
                    # What is there can be read all the time.
                    status, data = client.fetch("1:2", "(FLAGS BODY.PEEK[])")
                    self.assertEqual(status, "OK")
                    self.assertEqual(len([part for part in data if isinstance(part, tuple)]), 2)
                    self.server.plan("")
                    kept += [self.server.deliver("after", body) for body in (self.small, self.large)]
                    self.assertEqual(client.store("1", "+FLAGS", r"(\Seen)")[0], "OK")
        client.logout()
        ids, uids = self.server.message_ids()
        self.assertEqual(ids, kept)
        self.assertEqual(uids, sorted(set(uids)))
        self.finish()

    def test_a_full_disk_is_said(self):
        self.server.plan("write:1:ENOSPC:0")
        self.assertEqual(self.assertRefused(self.small).smtp_code, 452)
        self.server.plan("")
        self.finish()

    def begin(self, client, recipients, options=()):
        client.ehlo("client.example")
        self.assertEqual(client.mail("a@example.org", options)[0], 250)
        for recipient in recipients:
            self.assertEqual(client.rcpt(recipient)[0], 250)

    def test_a_full_spool_is_said_at_the_end(self):
        """Acceptance 184: the connection goes on, and nothing was stored."""
        message = harness.new_message("large", self.large).as_bytes()
        with self.server.smtp() as client:
            for error, want in (("ENOSPC", 452), ("EDQUOT", 452), ("EIO", 451), ("short", 250)):
                with self.subTest(error):
                    before = len(self.server.message_ids()[0])
                    self.begin(client, [harness.USER])
                    self.assertEqual(client.docmd("DATA")[0], 354)
                    self.server.plan(f"write:1:{error}:{1 if error == 'short' else 0}")
                    client.send(message + b".\r\n")
                    code, text = client.getreply()
                    self.server.plan("")
                    self.assertEqual(code, want, text)
                    if want == 452:
                        self.assertTrue(text.startswith(b"4.3.1 "), text)
                    self.assertEqual(client.noop()[0], 250)
                    self.assertEqual(len(self.server.message_ids()[0]) - before, int(want == 250))
            self.begin(client, [harness.USER])
            self.assertEqual(client.data(message)[0], 250)
        self.finish()

    def test_no_spool_is_said_instead_of_354(self):
        """Acceptance 185: what is sent all the same is not run."""
        with self.server.smtp() as client:
            self.begin(client, [harness.USER], ["SIZE=200000"])
            self.server.plan("open:1:ENOSPC:0")
            client.send(f"DATA\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<{harness.USER}>\r\nDATA\r\n".encode())
            code, text = client.getreply()
            self.server.plan("")
            self.assertEqual((code, text[:6]), (452, b"4.3.1 "))
            with self.assertRaises(smtplib.SMTPServerDisconnected):
                client.getreply()
        self.finish()

    def test_a_storage_error_is_one_failure(self):
        """Acceptance 263, 266: 451, said once for each recipient, and nothing is stored for any."""
        message = harness.new_message("refused", self.small).as_bytes()
        for recipients in ([harness.USER], [harness.USER, "postmaster"]):
            with self.subTest(recipients=len(recipients)), self.server.smtp() as client:
                self.begin(client, recipients)
                self.server.plan("sync:1:EIO:0")
                code, text = client.data(message)
                self.server.plan("")
                self.assertEqual((code, text[:6]), (451, b"4.3.0 "), text)
                self.assertEqual(text.count(b"\n"), 0, text)
                self.assertEqual(self.server.message_ids()[0], [])
        kept = self.server.deliver("after", self.small)
        self.assertEqual(self.server.message_ids()[0], [kept])
        self.finish()

    def test_no_descriptors(self):
        """What needs a file is refused; what needs none goes on."""
        self.server.plan("open:1:EMFILE:0")
        self.assertRefused(self.large)
        small = self.server.deliver("fits into the log that is open", self.small)
        self.server.plan("")
        large = self.server.deliver("after", self.large)
        self.assertEqual(self.server.message_ids()[0], [small, large])
        self.finish()

    def test_one_failure_loses_nothing(self):
        """Single failures under load, at every kind of call: nothing acknowledged is lost, nothing is stored twice."""
        mailbox = Mailbox(self, self.server)
        load = Load(self.server, senders=3)
        for _ in range(ROUNDS):
            for kind, error in (("write", "ENOSPC"), ("sync", "EIO"), ("write", "short"), ("any", "EIO")):
                self.server.plan(f"{kind}:{random.randrange(1, 12)}:{error}:{random.randrange(1, 4)}")
                before = load.count()
                time.sleep(0.1)
                self.server.plan("")
                harness.wait_until(lambda before=before: load.count() >= before + 2, 60,
                                   f"service after {kind} {error}")
        load.stop()
        mailbox.add(load)
        mailbox.check()
        self.server.verify()
        self.server.kill()
        self.server.start()
        mailbox.check()
        self.finish()


class TestDamage(harness.ServerTest):
    """A bit of one body flips on the disk: this body is refused, everything else is served."""

    def flip(self, needle_of):
        path = next(iter(self.server.data.glob("**/segments/*.seg")))
        octets = bytearray(path.read_bytes())
        octets[needle_of(octets)] ^= 0x10
        path.write_bytes(octets)

    def test_one_body(self):
        self.server.expect_error("damaged")
        ids = []
        for number in range(3):
            ids.append(self.server.deliver(f"number {number}", random.Random(number).randbytes(20000).hex()))
        self.server.stop()
        self.flip(lambda octets: len(octets) // 2)
        self.server.start()
        with self.server.imap() as client:
            client.select("INBOX")
            for number in ("1", "3"):
                status, data = client.fetch(number, "(BODY.PEEK[])")
                self.assertEqual(status, "OK")
                self.assertIn(ids[int(number) - 1].encode(), data[0][1])
            status, data = client.fetch("2", "(BODY.PEEK[])")
            self.assertEqual(status, "NO")
            self.assertIn(b"[CORRUPTION]", data[0])  # RFC 5530 3
            self.assertEqual(client.fetch("1:3", "(FLAGS ENVELOPE)")[0], "OK")
            self.assertEqual(client.store("2", "+FLAGS", r"(\Deleted)")[0], "OK")
        self.assertTrue(any("damaged" in line and "offset" in line for line in self.server.log_lines))
        result = self.server.command("verify", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"shard-00: body: .*segment 1")
        self.server.deliver("still served", "x" * 20000)


class TestSecondStore(unittest.TestCase):
    def test_says_who_has_the_directory(self):
        server = harness.Server()
        self.addCleanup(server.close)
        server.start()
        other = harness.Server()
        self.addCleanup(other.close)
        shutil.copytree(server.data, other.data, ignore=shutil.ignore_patterns("data"))
        text = other.config.read_text().replace('"data"', f'"{server.data}/data"')
        for offset in harness.SERVICES:
            text = re.sub(rf"\b{server.base + offset}\b", str(other.base + offset), text)
        other.config.write_text(text)
        other.start(wait=False)
        self.assertNotEqual(other.process.wait(60), 0)
        self.assertIn("another server works on", other.log())
        server.deliver("still served")
        server.stop()
        self.assertEqual(server.complaints(), [])


if __name__ == "__main__":
    unittest.main()
