"""Conversations with the real executables, one file each, in tests/transcripts/.

The format is in tests/transcripts/README. Files of one folder share a server; each file has its own connections and
starts with the mailboxes that its folder's earlier files left, so a file makes what it needs.
"""

import pathlib
import re
import socket

import harness

FOLDER = harness.ROOT / "tests/transcripts"
READ_TIMEOUT_S = 20


class Connection:
    def __init__(self, server, service, tls):
        self.raw = socket.create_connection(("127.0.0.1", server.port(service)), READ_TIMEOUT_S)
        if tls:
            self.raw = harness.insecure_tls().wrap_socket(self.raw, server_hostname="localhost")
        self.stream = self.raw.makefile("rb")

    def starttls(self):
        self.stream.close()
        self.raw = harness.insecure_tls().wrap_socket(self.raw, server_hostname="localhost")
        self.stream = self.raw.makefile("rb")

    def close(self):
        self.stream.close()
        self.raw.close()


def pattern_of(text, variables):
    """A line of the transcript as a regular expression: {{regex}}, {{name=regex}} and {{name}} are special."""
    parts, names = [], []
    for index, part in enumerate(re.split(r"\{\{(.*?)\}\}", text)):
        if index % 2 == 0:
            parts.append(re.escape(part.replace("\\\\", "\\")))
            continue
        named = re.fullmatch(r"([a-z_]+)=(.*)", part)
        if named:
            names.append(named[1])
            parts.append(f"(?P<{named[1]}>{named[2]})")
        elif part in variables:
            parts.append(re.escape(variables[part]))
        else:
            parts.append(f"(?:{part})")
    return re.compile("".join(parts), re.S), names


def fill(text, variables):
    text = re.sub(r"\{\{([a-z_]+)\}\}", lambda match: variables.get(match[1], match[0]), text)
    return text.encode().decode("unicode_escape").encode("latin-1") if "\\" in text else text.encode()


class Transcript:
    SERVICES = {"smtp": (harness.SMTP, False), "submission": (harness.SUBMISSION, False),
                "submissions": (harness.SUBMISSIONS, True), "imap": (harness.IMAP, False),
                "imaps": (harness.IMAPS, True)}

    def __init__(self, test, path):
        self.test, self.path = test, path
        self.connections, self.current = {}, None
        self.variables = {"user": harness.USER, "password": harness.PASSWORD}

    def run(self):
        try:
            for number, line in enumerate(self.path.read_text().splitlines(), 1):
                self.where = f"{self.path.relative_to(harness.ROOT)}:{number}: {line}"
                self.step(line)
        finally:
            for connection in self.connections.values():
                connection.close()

    def step(self, line):
        if not line or line.startswith("#"):
            return
        kind, _, text = line.partition(":")
        text = text.removeprefix(" ")
        if kind in ("C", "S", "S*", "S~"):
            {"C": self.say, "S": self.expect, "S*": self.skip_to, "S~": self.collect}[kind](text)
        elif kind == "=":
            name, _, service = text.partition(" ")
            if service:
                port, tls = self.SERVICES[service]
                self.connections[name] = Connection(self.test.server, port, tls)
            self.current = self.connections[name]
        elif kind == "TLS":
            self.current.starttls()
        elif kind == "CLOSED":
            self.test.assertEqual(self.read(), b"", self.where)
        else:
            self.test.fail(f"not a line of a transcript: {self.where}")

    def say(self, text):
        no_line_end = text.endswith("\\-")
        self.current.raw.sendall(fill(text.removesuffix("\\-"), self.variables) + (b"" if no_line_end else b"\r\n"))

    def read(self):
        try:
            return self.current.stream.readline()
        except (TimeoutError, socket.timeout):
            self.test.fail(f"nothing came: {self.where}")
        except ConnectionError:
            return b""

    def matches(self, line, text):
        pattern, names = pattern_of(text, self.variables)
        match = pattern.fullmatch(line.rstrip(b"\r\n").decode("utf-8", "replace"))
        if match:
            self.variables.update({name: match[name] for name in names})
        return bool(match)

    def expect(self, text):
        line = self.read()
        self.test.assertTrue(self.matches(line, text), f"{self.where}\n  the server said: {line!r}")
        self.test.assertTrue(line.endswith(b"\r\n"), f"{self.where}\n  no CRLF: {line!r}")

    def skip_to(self, text):
        skipped = []
        while True:
            line = self.read()
            if self.matches(line, text):
                return
            skipped.append(line)
            self.test.assertTrue(line, f"{self.where}\n  the server only said: {skipped!r}")

    def collect(self, text):
        """All lines up to the one that the last alternative matches; each given one, in any order."""
        wanted = [part.strip() for part in text.split(" || ")]
        while wanted:
            line = self.read()
            self.test.assertTrue(line, f"{self.where}\n  closed while these are missing: {wanted}")
            hit = next((part for part in wanted if self.matches(line, part)), None)
            self.test.assertTrue(hit is not None, f"{self.where}\n  the server said: {line!r}\n  missing: {wanted}")
            wanted.remove(hit)


def make_test(path):
    return lambda self: Transcript(self, path).run()


def make_class(folder):
    tests = {"test_" + re.sub(r"\W", "_", path.stem): make_test(path) for path in sorted(folder.glob("*.txt"))}
    return type(f"TestTranscripts_{folder.name}", (harness.ServerTest,), {**tests, "__module__": __name__})


for _folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
    globals()[f"TestTranscripts_{_folder.name}"] = make_class(_folder)
