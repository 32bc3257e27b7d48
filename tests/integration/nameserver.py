"""A name server of our own for a test: nsd on a loopback port, with zones that are signed when it starts.

    with NameServer() as ns:
        ns.zone("good.test", "www A 192.0.2.1")
        ns.zone("plain.test", "www A 192.0.2.1", signed=False)
        ns.start()

All zones are below `test`, which is signed and delegates them; its DS is `anchor`. An unsigned zone has no DS in
`test`; `break_zone` edits a zone after it was signed.
"""

import contextlib
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

NSD = "/usr/sbin/nsd"
ROOT_ZONE = "test"


def free_port():
    """Free for UDP and for TCP, and outside the range of other test servers."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


class NameServer:
    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="godwit-dns-"))
        self.port = free_port()
        self.zones = {}
        self.anchor = None
        self._process = None
        self._silent = []
        self._delegations = []

    # --- zones ---

    def zone(self, name, records, signed=True, nsec3=False, expired=False, break_with=None, delegate=True):
        """Adds a zone. `break_with`: (old, new), edited in the signed file. Record lines as in a zone file."""
        path = self.directory / f"{name}.zone"
        path.write_text(f"$ORIGIN {name}.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\n"
                        f"ns A 127.0.0.1\n{records}\n")
        ds = None
        if signed:
            path, ds = self._sign(name, path, nsec3, expired)
        if break_with is not None:
            text = path.read_text()
            assert break_with[0] in text, f"{break_with[0]!r} is not in {name}"
            path.write_text(text.replace(*break_with))
        self.zones[name] = path
        if delegate and name != ROOT_ZONE:
            self._delegations.append(f"{name}. NS ns.{name}.\nns.{name}. A 127.0.0.1" + (f"\n{ds}" if ds else ""))

    def _sign(self, name, path, nsec3, expired):
        key = self._run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name).strip()
        options = ["-n", "-t", "1"] if nsec3 else []
        if expired:
            options += ["-i", "20200101000000", "-e", "20200201000000"]
        self._run("ldns-signzone", *options, "-f", f"{path}.signed", str(path), key)
        return pathlib.Path(f"{path}.signed"), (self.directory / f"{key}.ds").read_text().strip()

    def _run(self, *command):
        result = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout

    # --- life ---

    def start(self):
        self.zone(ROOT_ZONE, "\n".join(self._delegations))
        ds = next(self.directory.glob(f"K{ROOT_ZONE}.*.ds"))
        self.anchor = re.sub(r"\s+", " ", ds.read_text().strip())
        config = self.directory / "nsd.conf"
        config.write_text(
            f'server:\n ip-address: 127.0.0.1@{self.port}\n username: ""\n chroot: ""\n database: ""\n'
            f' zonesdir: "{self.directory}"\n pidfile: "{self.directory}/nsd.pid"\n zonelistfile: "{self.directory}/zones"\n'
            f' xfrdfile: "{self.directory}/xfrd"\n xfrdir: "{self.directory}"\n rrl-ratelimit: 0\n server-count: 1\n'
            "remote-control:\n control-enable: no\n" +
            "".join(f'zone:\n name: "{name}"\n zonefile: "{path}"\n' for name, path in self.zones.items()))
        self._log = open(self.directory / "log", "w")
        self._process = subprocess.Popen([NSD, "-d", "-c", str(config)], stdin=subprocess.DEVNULL, stdout=self._log,
                                         stderr=subprocess.STDOUT)
        end = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError("nsd does not answer:\n" + (self.directory / "log").read_text()[-2000:])
            time.sleep(0.05)
        return self

    def _answers(self):
        """Whether it answers a question for the root zone's SOA."""
        question = b"\x12\x34\x00\x00\x00\x01" + bytes(6) + b"\x04test\x00\x00\x06\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            try:
                client.connect(("127.0.0.1", self.port))
                client.send(question)
                return client.recv(1500)[3] & 0xf == 0
            except OSError:
                return False

    def silent_port(self):
        """A port where questions are taken and never answered."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self._silent.append(sock)
        return sock.getsockname()[1]

    def refusing_port(self, rcode=2):
        """A port that answers every question with this code (2: SERVFAIL)."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self._silent.append(sock)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    question, peer = sock.recvfrom(4096)
                    if peer is None:  # close() has shut the socket down
                        return
                    sock.sendto(question[:2] + b"\x80" + bytes([rcode]) + question[4:], peer)

        threading.Thread(target=serve, daemon=True).start()
        return sock.getsockname()[1]

    def close(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._log.close()
        for sock in self._silent:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- for those who ask ---

    def zone_settings(self):
        """Each zone by itself: delegations carry no port."""
        return [f"{name} 127.0.0.1@{self.port}" for name in self.zones]
