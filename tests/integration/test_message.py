"""godwit message parse: what it prints of a message, and what its exit status says."""

import json
import os
import subprocess
import tempfile
import unittest

import harness

HEAD = b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: ann@example.org\r\nSubject: =?utf-8?q?a=1Bb?=\r\n"
MIXED = HEAD + (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
                b"--x\r\n\r\nhello\r\n"
                b"--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nContent-Type: text/html\r\n\r\nhi\n"
                b"--x\r\nContent-Type: image/png; name=\"=?utf-8?q?=C3=B6.png?=\"\r\n"
                b"Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n--x--\r\n")


class TestMessageParse(unittest.TestCase):
    def parse(self, *args, stdin=b"", status=0):
        result = subprocess.run([str(harness.BUILD / "godwit"), "message", "parse", *args], input=stdin,
                                capture_output=True, timeout=harness.CLIENT_TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout.decode(), result.stderr.decode()

    def test_tree(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(MIXED)
            file.flush()
            said, _ = self.parse(file.name)
        lines = said.splitlines()
        self.assertIn("From:       Jörg <joerg@example.org>", lines)
        # What would steer a terminal does not reach it.
        self.assertIn("Subject:    a\N{REPLACEMENT CHARACTER}b", lines)
        tree = [line.split(":")[0] for line in lines if " octets at " in line]
        self.assertEqual(tree, ["multipart/mixed", "  1 text/plain (by default)", "  2 message/rfc822",
                                "    2.1 text/html", '  3 image/png, base64, "ö.png"'])
        self.assertIn(f"  a LF without CR, at {MIXED.index(b'hi' + bytes([10])) + 2}", lines)

    def test_json(self):
        said = json.loads(self.parse("--json", "-", stdin=MIXED)[0])
        self.assertEqual(said["size"], len(MIXED))
        self.assertEqual([fault["fault"] for fault in said["faults"]], ["bare-lf"])
        parts = said["part"]["parts"]
        self.assertEqual([part["filename"] for part in parts], [None, None, "ö.png"])
        self.assertEqual(parts[1]["parts"][0]["envelope"]["from"],
                         [{"kind": "mailbox", "name": None, "localpart": "a", "domain": "b.example"}])
        self.assertEqual(MIXED[parts[2]["body_at"]:parts[2]["end_at"]], b"aGk=")
        self.assertEqual(parts[2]["decoded_size"], 2)

    def test_at_most_five_offsets(self):
        said = json.loads(self.parse("--json", "-", stdin=HEAD + b"\r\n" + b"a\n" * 7)[0])
        fault = said["faults"][0]
        self.assertEqual((fault["count"], len(fault["offsets"])), (7, 5))
        self.assertIn(", … (7)", self.parse("-", stdin=HEAD + b"\r\n" + b"a\n" * 7)[0])

    def test_strict(self):
        self.parse("--strict", "-", stdin=MIXED)
        said, error = self.parse("--strict", "-", stdin=b"Subject: x\r\n\r\n", status=1)
        self.assertIn("no From field (strict), at 0", said)
        self.assertIn("no From field, at offset 0", error)
        self.parse("-", stdin=b"Subject: x\r\n\r\n")

    def test_any_octets(self):
        for octets in (b"", b"\0", bytes(range(256)) * 300, b"\xff" * 100_000, b"Content-Type: multipart/mixed"):
            with self.subTest(octets=octets[:20]):
                self.assertEqual(json.loads(self.parse("--json", "-", stdin=octets)[0])["size"], len(octets))
                self.parse("-", stdin=octets)

    def test_seeds(self):
        folder = harness.ROOT / "tests/fuzz/corpus/message"
        for path in sorted(folder.iterdir()):
            with self.subTest(name=path.name):
                self.assertEqual(json.loads(self.parse("--json", str(path))[0])["size"], path.stat().st_size)
                self.parse(str(path))

    def test_unreadable(self):
        self.assertIn("No such file", self.parse("/nonexistent/message", status=1)[1])
        self.assertIn("Is a directory", self.parse(os.fspath(harness.ROOT), status=1)[1])
        self.assertIn("too few arguments", self.parse(status=2)[1])
