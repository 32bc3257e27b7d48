"""The private keys: in one process, out of all others; what happens when it dies, and when keys change."""

import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import unittest

import harness
from harness import IMAPS, SMTP, wait_until


def make_pair(directory, name, *kind, host=None):
    """A certificate NAME.pem with its key NAME.key; (path, path)."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(["openssl", "genpkey", *kind, "-out", key], check=True, capture_output=True)
    host = host or name
    subprocess.run(["openssl", "req", "-x509", "-key", key, "-subj", f"/CN={host}", "-addext",
                    f"subjectAltName=DNS:{host}", "-days", "2", "-out", certificate], check=True, capture_output=True)
    return certificate, key


P256 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
P384 = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
ED25519 = ("-algorithm", "ED25519")


class KeysTest(unittest.TestCase):
    """Each test has a server of its own."""

    def setUp(self):
        self.server = harness.Server()
        self.addCleanup(self.server.close)
        self.server.start()

    def finish(self):
        self.server.stop()
        self.assertEqual(self.server.complaints(), [])

    def secured(self, name=None, port=None, wrap=harness.insecure_tls):
        plain = socket.create_connection(("127.0.0.1", port or self.server.port(IMAPS)), timeout=30)
        return wrap().wrap_socket(plain, server_hostname=name)

    def certificate(self, name=None, port=None):
        with self.secured(name, port) as secured:
            return secured.getpeercert(binary_form=True)

    def certificate_soon(self):
        """Once the server answers again."""
        def attempt():
            try:
                return self.certificate()
            except OSError:
                return None

        return wait_until(attempt, 10, "a handshake", 0.02)

    def reload(self):
        return self.server.command("reload", check=False)

    def der(self, path):
        return ssl.PEM_cert_to_DER_cert(path.read_text())

    def set_pair(self, name, *kind, host="localhost"):
        """Puts a new pair in the place of localserve's; its DER certificate."""
        certificate, key = make_pair(self.server.data, name, *kind, host=host)
        key.replace(self.server.data / "localhost.key")
        certificate.replace(self.server.data / "localhost.pem")
        return self.der(self.server.data / "localhost.pem")


class TestKeysProcess(KeysTest):
    def test_killed_process_is_replaced_within_a_second(self):
        self.server.expect_error(".*")
        self.certificate()
        for _ in range(3):
            before = self.server.pids("keys")
            self.assertEqual(len(before), 1)
            os.kill(before[0], signal.SIGKILL)
            self.certificate_soon()
            wait_until(lambda: set(self.server.pids("keys")) - set(before), 5, "a new keys process")
        self.server.stop()

    def test_silent_process_ends_the_handshake_with_an_alert(self):
        self.server.expect_error(".*")
        self.certificate()
        pid = self.server.pids("keys")[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            with self.assertRaises(ssl.SSLError) as raised:
                self.certificate()
            self.assertIn("INTERNAL_ERROR", str(raised.exception).upper().replace(" ", "_"))
        finally:
            os.kill(pid, signal.SIGCONT)
        self.certificate_soon()
        self.server.stop()

    def test_private_key_is_in_no_other_process(self):
        """As it is computed with (in either order of octets), in DER, and in the file."""
        text = (self.server.data / "localhost.key").read_text()
        self.certificate()
        wanted = self.secrets_of(self.server.data / "localhost.key", text)
        for pid in self.server.pids() + [self.server.process.pid]:
            memory = self.memory(pid)
            if memory is None:
                continue
            found = [what for what, octets in wanted.items() if octets in memory]
            if pid in self.server.pids("keys"):
                self.assertTrue(found, "the key is not even where it has to be")
            else:
                self.assertEqual(found, [], pathlib.Path(f"/proc/{pid}/cmdline").read_text())
        self.finish()

    @staticmethod
    def secrets_of(path, text):
        output = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True, capture_output=True,
                                text=True).stdout
        scalar = bytes.fromhex(re.search(r"priv:\s*((?:[0-9a-f]{2}[:\s]*)+)", output)[1].replace(":", "")
                               .replace("\n", "").replace(" ", ""))[-32:]
        return {"octets": scalar, "words": scalar[::-1], "PEM": text.splitlines()[1].encode()}

    def memory(self, pid):
        """Behind an enforced sandbox nobody but root may look: then there is nothing to see here, and that is right."""
        try:
            return self.memory_of(pid)
        except PermissionError:
            self.assertNotEqual(os.getuid(), 0)
            return None

    @staticmethod
    def memory_of(pid):
        whole = bytearray()
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not match:
                    continue
                start, end = (int(number, 16) for number in match.groups())
                if end - start > 1 << 30:  # shadow memory of the sanitizers
                    continue
                try:
                    memory.seek(start)
                    whole += memory.read(end - start)
                except OSError:
                    continue
        return bytes(whole)


class TestCertificatesChange(KeysTest):
    def test_open_connections_stay_and_new_ones_see_the_new_certificate(self):
        for name, kind in (("ed25519", ED25519), ("rsa", RSA), ("p384", P384)):
            imap = self.server.imap()
            imap.select("INBOX")
            with self.server.smtp() as smtp:  # starts TLS only after the reload, in the old process
                smtp.ehlo()
                old = self.der(self.server.data / "localhost.pem")
                fresh = self.set_pair(name, *kind)
                self.assertEqual(self.reload().returncode, 0)
                wait_until(lambda: self.certificate() == fresh, 10, "the new certificate", 0.05)
                smtp.starttls(context=harness.insecure_tls())
                self.assertEqual(smtp.sock.getpeercert(binary_form=True), old)
                smtp.ehlo()
                self.assertEqual(smtp.noop()[0], 250)
            self.assertEqual(imap.noop()[0], "OK")
            imap.logout()
        self.finish()

    def test_old_key_survives_the_death_of_the_keys_process(self):
        self.server.expect_error(".*")
        with self.server.smtp() as smtp:
            smtp.ehlo()
            old = self.der(self.server.data / "localhost.pem")
            fresh = self.set_pair("fresh", *P256)
            self.assertEqual(self.reload().returncode, 0)
            wait_until(lambda: self.certificate() == fresh, 10, "the new certificate", 0.05)
            os.kill(self.server.pids("keys")[0], signal.SIGKILL)
            self.certificate_soon()
            smtp.starttls(context=harness.insecure_tls())
            self.assertEqual(smtp.sock.getpeercert(binary_form=True), old)
        self.server.stop()

    def test_pair_that_does_not_match_is_refused(self):
        self.server.expect_error("configuration not reloaded")
        old = self.certificate()
        edges = self.server.pids("access")
        _, key = make_pair(self.server.data, "other", *P256)
        key.replace(self.server.data / "localhost.key")
        result = self.reload()
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, "localhost.key does not belong to the certificate .*localhost.pem")
        self.assertEqual(self.certificate(), old)
        self.assertEqual(self.server.pids("access"), edges)
        self.finish()

    def test_each_listener_has_its_certificate_and_names_choose_among_them(self):
        port = self.server.port(IMAPS) + 1
        kinds = {"one.example": P256, "two.example": RSA}
        pairs = {name: make_pair(self.server.data, name, *kind) for name, kind in kinds.items()}
        own = self.certificate()
        self.server.stop()
        with self.server.config.open("a") as config:
            for number, (name, (certificate, key)) in enumerate(pairs.items()):
                config.write(f'listener l{number} {{\n addresses = {{"127.0.0.1"}}\n imaps {{ port = {port + number} }}\n'
                             f' tls {{\n  certificate = "{certificate}"\n  key = "{key}"\n }}\n}}\n')
        self.server.start()
        one, two = (self.der(pairs[name][0]) for name in kinds)
        self.assertEqual(self.certificate(port=port), one)
        self.assertEqual(self.certificate(port=port + 1), two)
        self.assertEqual(self.certificate(), own)
        self.assertEqual(self.certificate("two.example"), two)
        self.assertEqual(self.certificate("two.example", port), two)
        self.assertEqual(self.certificate("localhost", port + 1), own)
        # Spec 3.1: an unknown name gets the listener's own.
        self.assertEqual(self.certificate("unknown.example"), own)
        self.assertEqual(self.certificate("unknown.example", port), one)
        self.finish()


class TestOpensslClient(KeysTest):
    """openssl s_client checks the signature, for every kind of key and version."""

    def test_every_kind(self):
        for name, kind in (("p256", P256), ("p384", P384), ("rsa", RSA), ("ed25519", ED25519)):
            fresh = self.set_pair(name, *kind)
            self.assertEqual(self.reload().returncode, 0)
            wait_until(lambda: self.certificate() == fresh, 10, "the new certificate", 0.05)
            for version in ("-tls1_2", "-tls1_3"):
                for port, more in ((IMAPS, ()), (SMTP, ("-starttls", "smtp"))):
                    with self.subTest(f"{name} {version} {port}"):
                        result = subprocess.run(
                            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port(port)}", version, *more,
                             "-CAfile", self.server.data / "localhost.pem", "-verify_return_error", "-brief"],
                            input="", capture_output=True, text=True, timeout=30)
                        self.assertIn("Verification: OK", result.stderr)
        self.finish()
