"""Mail is read, changed and synchronised with the programs that people use."""

import contextlib
import email
import imaplib
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import time

import harness
from harness import IMAP, IMAPS, PASSWORD, USER


class TestImaplib(harness.ServerTest):
    def setUp(self):
        self.client = self.server.imap()
        self.addCleanup(self.client.logout)

    def ok(self, answer):
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def test_plain_and_tls_logins(self):
        for tls in (False, True):
            with self.server.imap(tls=tls) as client:
                self.ok(client.noop())

    def test_wrong_password(self):
        client = self.server.imap(login=False)
        with self.assertRaises(imaplib.IMAP4.error):
            client.login(USER, "wrong")
        client.logout()

    def test_append_fetch_store_expunge(self):
        self.ok(self.client.create("Work"))
        message = harness.new_message("appended").as_bytes()
        self.ok(self.client.append("Work", r"(\Flagged)", None, message))
        self.assertEqual(self.ok(self.client.select("Work")), [b"1"])
        data = self.ok(self.client.fetch("1", "(FLAGS UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"))
        self.assertEqual(data[0][1], message)
        whole = data[0][0] + (data[1] if isinstance(data[1], bytes) else b"")
        self.assertIn(rb"\Flagged", whole)
        self.assertIn(b"RFC822.SIZE %d" % len(message), whole)
        self.ok(self.client.store("1", "+FLAGS", r"(\Seen \Deleted)"))
        self.assertEqual(self.ok(self.client.search(None, "DELETED")), [b"1"])
        self.assertEqual(self.ok(self.client.expunge()), [b"1"])
        self.assertEqual(self.ok(self.client.search(None, "ALL")), [b""])
        self.ok(self.client.close())
        self.ok(self.client.delete("Work"))

    def test_copy_move_rename(self):
        self.ok(self.client.create("A/B"))
        self.ok(self.client.append("A/B", None, None, harness.new_message("copied").as_bytes()))
        self.ok(self.client.select("A/B"))
        self.ok(self.client.create("C"))
        self.ok(self.client.copy("1", "C"))
        self.ok(self.client._simple_command("MOVE", "1", "C"))
        self.assertEqual(self.ok(self.client.select("A/B")), [b"0"])
        self.assertEqual(self.ok(self.client.select("C")), [b"2"])
        self.ok(self.client.rename("C", "D"))
        names = b"\n".join(self.ok(self.client.list()))
        self.assertIn(b"A/B", names)
        self.assertRegex(names, rb'(?m) "?D"?$')

    def test_uids_grow_and_are_not_used_again(self):
        self.ok(self.client.create("Uids"))
        for _ in range(3):
            self.ok(self.client.append("Uids", None, None, harness.new_message("uid").as_bytes()))
        self.ok(self.client.select("Uids"))
        first = self.ok(self.client.uid("SEARCH", "ALL"))[0].split()
        self.ok(self.client.store("1:*", "+FLAGS", r"(\Deleted)"))
        self.ok(self.client.expunge())
        self.ok(self.client.append("Uids", None, None, harness.new_message("uid").as_bytes()))
        self.ok(self.client.noop())
        second = self.ok(self.client.uid("SEARCH", "ALL"))[0].split()
        self.assertEqual(len(second), 1)
        self.assertGreater(int(second[0]), max(map(int, first)))

    def test_hostile_line_is_answered(self):
        for line in (b"\x00\r\n", b"a " + b"x" * 60000 + b"\r\n", b"a LOGIN {999999999999}\r\n", b"a FETCH\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.port(IMAP)), 20) as connection:
                self.assertTrue(connection.recv(4096).startswith(b"* "))
                with contextlib.suppress(ConnectionError):
                    connection.sendall(line)
                    self.assertRegex(connection.recv(65536), rb"BAD|NO|BYE|^\Z")
        self.ok(self.client.noop())


class TestIdle(harness.ServerTest):
    """Two clients wait in IDLE; each sees new mail at once."""

    def idler(self):
        raw = socket.create_connection(("127.0.0.1", self.server.port(IMAPS)), 30)
        connection = harness.insecure_tls().wrap_socket(raw)
        stream = connection.makefile("rb")
        stream.readline()

        def command(text, until):
            connection.sendall(text.encode() + b"\r\n")
            lines = []
            while True:
                line = stream.readline()
                if not line:
                    raise AssertionError(f"connection closed after {lines}")
                lines.append(line)
                if line.startswith(until):
                    return lines

        self.addCleanup(connection.close)
        command(f'a LOGIN {USER} "{PASSWORD}"', b"a OK")
        command("b SELECT INBOX", b"b OK")
        command("c IDLE", b"+")
        return stream, command

    def test_two_clients_see_new_mail(self):
        clients = [self.idler(), self.idler()]
        for round_number in range(3):
            sent = time.monotonic()
            self.server.deliver(f"round {round_number}")
            for stream, _ in clients:
                while not re.match(rb"\* \d+ EXISTS", line := stream.readline()):
                    self.assertTrue(line, "connection closed")
                self.assertLess(time.monotonic() - sent, 10)
        for _, command in clients:
            command("DONE", b"c OK")
            command("d LOGOUT", b"d OK")

    def test_flag_change_and_expunge_are_seen(self):
        self.server.deliver("watched")
        stream, command = self.idler()
        with self.server.imap() as other:
            other.select("INBOX")
            other.store("1", "+FLAGS", r"(\Flagged)")
            while rb"\Flagged" not in (line := stream.readline()):
                self.assertTrue(line)
            other.store("1", "+FLAGS", r"(\Deleted)")
            other.expunge()
            while not line.startswith(b"* 1 EXPUNGE"):
                line = stream.readline()
                self.assertTrue(line)
        command("DONE", b"c OK")


class TestCurlImap(harness.ServerTest):
    def curl(self, path, *args):
        return self.run_client("curl", "--silent", "--show-error", "--insecure",
                               f"imaps://127.0.0.1:{self.server.port(IMAPS)}/{path}", "--user",
                               f"{USER}:{PASSWORD}", *args)

    def test_list_fetch_search(self):
        self.server.deliver("for curl", "a line only here\r\n")
        self.assertIn("INBOX", self.curl("").upper())
        self.assertIn("a line only here", self.curl("INBOX;UID=1"))
        self.assertIn("Subject: for curl", self.curl("INBOX;UID=1;SECTION=HEADER"))
        self.assertRegex(self.curl("INBOX?ALL"), r"\* SEARCH 1")


class TestMbsync(harness.ServerTest):
    """isync keeps a Maildir and our mailboxes the same, both ways."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        (self.home / "mail").mkdir()
        certificate = self.home / "certificate"
        certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port(IMAPS))))
        self.config = self.home / "mbsyncrc"
        self.config.write_text(f"""IMAPAccount test
Host 127.0.0.1
Port {self.server.port(IMAPS)}
User {USER}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {certificate}

IMAPStore far
Account test

MaildirStore near
Path {self.home}/mail/
Inbox {self.home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
""")

    def sync(self):
        return self.run_client("mbsync", "-c", str(self.config), "-a", env=dict(os.environ, HOME=str(self.home)))

    def near(self, mailbox="INBOX"):
        return sorted(p for sub in ("cur", "new") for p in (self.home / "mail" / mailbox / sub).glob("*"))

    def test_both_ways(self):
        ids = {self.server.deliver(f"far {i}") for i in range(12)}
        self.sync()
        found = {email.message_from_bytes(p.read_bytes())["Message-ID"] for p in self.near()}
        self.assertEqual(found, ids)
        # From here to there: a message, a flag, a deletion, a mailbox.
        added = harness.new_message("near")
        (self.home / "mail/INBOX/new/1.test.localhost").write_bytes(added.as_bytes().replace(b"\r\n", b"\n"))
        first, second = self.near()[:2]
        flagged = email.message_from_bytes(first.read_bytes())["Message-ID"]
        removed = email.message_from_bytes(second.read_bytes())["Message-ID"]
        base = first.name.partition(":")[0]
        first.rename(self.home / "mail/INBOX/cur" / f"{base}:2,FS")
        second.unlink()
        for sub in ("cur", "new", "tmp"):
            (self.home / "mail/Made-here" / sub).mkdir(parents=True)
        there = harness.new_message("there").as_bytes().replace(b"\r\n", b"\n")
        (self.home / "mail/Made-here/cur/2.test.localhost:2,S").write_bytes(there)
        self.sync()
        now, _ = self.server.message_ids()
        self.assertEqual(set(now), (ids - {removed}) | {added["Message-ID"]})
        self.assertEqual(len(self.server.message_ids("Made-here")[0]), 1)
        with self.server.imap() as client:
            client.select("INBOX")
            _, data = client.search(None, "FLAGGED", "SEEN", "HEADER", "Message-ID", flagged)
            self.assertEqual(len(data[0].split()), 1)
        # Nothing is left to do: a further run changes nothing on either side.
        before = self.near()
        self.sync()
        self.assertEqual(self.near(), before)
        self.assertEqual(self.server.message_ids()[0], now)


class TestNeomutt(harness.ServerTest):
    """neomutt opens the mailbox, flags a message, saves another elsewhere, and leaves."""

    def test_session(self):
        for subject in ("one", "two", "three"):
            self.server.deliver(subject)
        with self.server.imap() as client:
            client.create("Kept")
        with tempfile.TemporaryDirectory() as home:
            config = pathlib.Path(home) / "muttrc"
            config.write_text(f"""set imap_user = "{USER}"
set imap_pass = "{PASSWORD}"
set folder = "imaps://127.0.0.1:{self.server.port(IMAPS)}/"
set spool_file = "+INBOX"
set ssl_verify_host = no
set ssl_verify_dates = no
set certificate_file = "{home}/certificate"
set confirm_append = no quit = yes delete = yes sleep_time = 0 wait_key = no mark_old = no
set sort = mailbox-order
# Flagging moves on to the next message.
push "<first-entry><flag-message><save-message>=Kept<enter><sync-mailbox><quit>"
""")
            (pathlib.Path(home) / "certificate").write_text(
                ssl.get_server_certificate(("127.0.0.1", self.server.port(IMAPS))))
            # It wants a terminal; script gives it one.
            env = dict(os.environ, HOME=home, TERM="xterm", LINES="40", COLUMNS="120")
            result = subprocess.run(["script", "-qec", f"neomutt -n -F {config}", "/dev/null"], env=env,
                                    stdin=subprocess.DEVNULL, capture_output=True, timeout=harness.CLIENT_TIMEOUT_S)
        screen = result.stdout.decode(errors="replace")
        self.assertEqual(result.returncode, 0, screen[-2000:])
        self.assertEqual(self.subjects(), ["one", "three"], screen[-3000:])
        self.assertEqual(self.subjects("Kept"), ["two"])
        with self.server.imap() as client:
            client.select("INBOX")
            self.assertEqual(client.search(None, "FLAGGED")[1], [b"1"])
