"""Each process is killed again and again under load. Every message that was acknowledged is there exactly once."""

import contextlib
import os
import random
import signal
import smtplib
import threading
import time
import uuid

import harness

ROUNDS = 50 if harness.LONG else 10
SENDERS = 3


class Load:
    """Senders that note what was acknowledged, and what was sent without an answer."""

    def __init__(self, server):
        self.server = server
        self.acknowledged = set()
        self.attempted = set()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        while not self.stopped.is_set():
            try:
                with self.server.smtp() as client:
                    while not self.stopped.is_set():
                        self._send_one(client)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    def _send_one(self, client):
        message_id = f"<{uuid.uuid4()}@load.example>"
        body = "line of the body\r\n" * random.choice((1, 50, 1500, 6000))
        message = harness.new_message("load", body, message_id=message_id).as_bytes()
        with self.lock:
            self.attempted.add(message_id)
        client.sendmail("load@example.org", [harness.USER], message)
        with self.lock:
            self.acknowledged.add(message_id)

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise AssertionError("a sender does not end")


class TestKill(harness.ServerTest):
    def readable(self):
        with contextlib.suppress(OSError, harness.imaplib.IMAP4.error):
            return self.server.message_ids()
        return None

    def check(self, load):
        ids, uids = harness.wait_until(self.readable, 60, "the mailbox", 0.2)
        self.assertEqual(uids, sorted(set(uids)), "UIDs are unique and grow")
        lost = load.acknowledged - set(ids)
        self.assertFalse(lost, f"{len(lost)} acknowledged messages are lost")
        self.assertFalse(set(ids) - load.attempted, "messages that nobody sent")
        twice = {message_id for message_id in load.acknowledged if ids.count(message_id) != 1}
        self.assertFalse(twice, f"{len(twice)} acknowledged messages are there more than once")

    def test_each_process(self):
        self.server.expect_error(".*")  # what the others say about a neighbour that vanished
        load = Load(self.server)
        try:
            harness.wait_until(lambda: load.count() >= 5, 60, "the first messages")
            for number in range(ROUNDS):
                role = ("store", "mx", "access")[number % 3]
                time.sleep(random.uniform(0.05, 0.4))
                before = load.count()
                for pid in self.server.pids(role):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                harness.wait_until(lambda before=before: load.count() >= before + 3, 60,
                                   f"service after round {number} ({role})")
        finally:
            load.stop()
        self.check(load)
        self.server.verify()
        self.server.stop()
        self.server.start()
        self.check(load)


class TestKillEverything(harness.ServerTest):
    """All processes vanish at once, as when the machine stops but its disk does not."""

    def test_rounds(self):
        self.server.expect_error(".*")
        seen = set()
        acknowledged = set()
        for _ in range(ROUNDS // 2):
            load = Load(self.server)
            time.sleep(random.uniform(0.5, 1.5))
            self.server.kill()
            load.stopped.set()
            load.stop()
            acknowledged |= load.acknowledged
            seen |= load.attempted
            self.server.start()
        ids, uids = self.server.message_ids()
        self.assertEqual(uids, sorted(set(uids)))
        self.assertFalse(acknowledged - set(ids), "acknowledged messages are lost")
        self.assertEqual(len([i for i in ids if i in acknowledged]), len(acknowledged))
        self.assertFalse(set(ids) - seen)
        self.server.verify()


class KillTest(harness.ServerTest):
    def ready_for_data(self, client):
        """Whether the server takes a message now; not while the store comes up again."""
        return (client.docmd("MAIL FROM:<kill@example.org>")[0] == 250 and
                client.docmd(f"RCPT TO:<{harness.USER}>")[0] == 250 and client.docmd("DATA")[0] == 354)

    def connect(self):
        """A session where DATA was answered, or None."""
        client = None
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client = self.server.smtp()
            client.ehlo()
            if self.ready_for_data(client):
                return client
        if client is not None:
            client.close()
        return None


class TestKillDuringData(KillTest):
    """The store vanishes within DATA, or after its end: the sender learns 250, a temporary refusal, or nothing."""

    ROUNDS = 20

    def kill_store(self):
        (pid,) = self.server.pids("store")
        os.kill(pid, signal.SIGKILL)

    def send(self, client, message, within_data):
        """The code of the reply; None when the connection ended instead."""
        half = len(message) // 2
        with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
            client.send(message[:half])
            if within_data:
                self.kill_store()
            client.send(message[half:] + b".\r\n")
            if not within_data:
                time.sleep(random.choice((0, 0.001, 0.005, 0.02)))
                self.kill_store()
            return client.getreply()[0]
        return None

    def read_ids(self):
        with contextlib.suppress(OSError, harness.imaplib.IMAP4.error):
            return self.server.message_ids()[0]
        return None

    def test_store_killed_during_data(self):
        self.server.expect_error(".*")  # every error now is about a neighbour that vanished
        codes = {}
        for number in range(self.ROUNDS):
            client = harness.wait_until(self.connect, 60, f"service before round {number}", 0.1)
            if number % 5 == 4:  # the supervisor forgets how often the store ended, and starts it at once again
                client.close()
                self.server.stop()
                self.server.start()
                client = harness.wait_until(self.connect, 60, f"service in round {number}", 0.1)
            message_id = f"<{uuid.uuid4()}@kill.example>"
            body = "line of the body\r\n" * random.choice((1, 1500, 20000))
            message = harness.new_message("kill", body, message_id=message_id).as_bytes()
            codes[message_id] = self.send(client, message, within_data=number % 2 == 0)
            client.close()
        ids = harness.wait_until(self.read_ids, 60, "the mailbox", 0.2)
        for message_id, code in codes.items():
            self.assertTrue(code is None or code == 250 or 400 <= code < 500, code)
            count = ids.count(message_id)
            self.assertTrue(count == 1 if code == 250 else count <= 1, (code, count))
        self.assertFalse(set(ids) - set(codes))
        self.server.verify()


class TestKillAfterReply(KillTest):
    def test_row_268_all_killed_right_after_250(self):
        self.server.expect_error(".*")
        client = harness.wait_until(self.connect, 60, "service", 0.1)
        message = harness.new_message("stored", "kept\r\n")
        client.send(message.as_bytes() + b".\r\n")
        self.assertEqual(client.getreply()[0], 250)
        self.server.kill()
        client.close()
        self.server.start()
        self.assertEqual(self.server.message_ids()[0].count(message["Message-ID"]), 1)
        with self.server.imap() as imap:
            imap.select("INBOX", readonly=True)
            _, data = imap.search(None, "SUBJECT", "stored")
            _, data = imap.fetch(data[0], "(BODY.PEEK[TEXT])")
            self.assertEqual(data[0][1], b"kept\r\n")
