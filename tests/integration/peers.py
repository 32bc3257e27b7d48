"""Mail servers of other people, each in namespaces of its own: Postfix, Exim, OpenSMTPD.

    with peers.Postfix(relay_port) as peer:
        peer.send(sender, [recipient], octets)
        peer.wait_until_empty()

scripts/fetch-peers has unpacked them. A peer sees the whole system read-only with its own files laid over it, and what it
writes stays in memory; when its first process is killed, everything that it started and wrote is gone. That takes the
rights of root: whoever is not root needs sudo, as scripts/packages does.
"""

import contextlib
import os
import pathlib
import re
import shlex
import smtplib
import socket
import subprocess
import time

import harness

FOLDER = harness.ROOT / "build-peers"
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]

# Users that the packages would have made.
PASSWD = """postfix:x:971:971::/var/spool/postfix:/usr/sbin/nologin
Debian-exim:x:972:972::/var/spool/exim4:/usr/sbin/nologin
opensmtpd:x:973:973::/var/lib/opensmtpd/empty:/usr/sbin/nologin
opensmtpq:x:974:974::/var/lib/opensmtpd/empty:/usr/sbin/nologin
"""
GROUP = """postfix:x:971:
postdrop:x:975:
Debian-exim:x:972:
opensmtpd:x:973:
opensmtpq:x:974:
"""

# Overlays of /usr, /etc and /var whose upper side is memory.
LAYERS = """set -e
mount -t tmpfs -o mode=755 none /mnt
for folder in usr etc var; do
    lower=/$folder
    [ ! -d {peer}/$folder ] || lower={peer}/$folder:/$folder
    mkdir -p /mnt/$folder /mnt/$folder.work
    mount -t overlay -o lowerdir=$lower,upperdir=/mnt/$folder,workdir=/mnt/$folder.work overlay /$folder
done
mount -t tmpfs -o mode=755 none /run
cat >>/etc/passwd <<'END'
{passwd}END
cat >>/etc/group <<'END'
{group}END
cat >/etc/hosts <<'END'
127.0.0.1 localhost
END
"""


class Peer:
    """What a kind of server says: name (folder of build-peers), setup (shell), main (the command that stays), queue (prints
    a line for each message that waits), log (its file; none: what main prints), troubled (what its log says of a message
    that was not taken at once)."""

    name = setup = main = queue = log = troubled = ""

    def __init__(self, relay_port, port):
        if AS_ROOT and subprocess.run([*AS_ROOT, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
            raise AssertionError(f"{self.name}: starting other mail servers needs the rights of root, or sudo")
        if not (FOLDER / self.name / "complete").exists():
            raise AssertionError(f"{self.name} is not there: run scripts/fetch-peers")
        self.port, self.relay_port = port, relay_port
        self.process = None
        self.output = ""

    def __enter__(self):
        script = LAYERS.format(peer=shlex.quote(str(FOLDER / self.name)), passwd=PASSWD, group=GROUP)
        script += self.setup.format(port=self.port, relay=self.relay_port) + f"\nexec {self.main}\n"
        self.process = subprocess.Popen([*AS_ROOT, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                                         "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        try:
            harness.wait_until(self._listens, 30, f"{self.name} on port {self.port}", 0.1)
        except BaseException as error:
            text = self.text()
            self.__exit__()
            raise AssertionError(f"{error}\n{text}") from None
        return self

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                return probe.recv(100).startswith(b"220")
        except OSError:
            return False

    def __exit__(self, *_):
        # With its first process the namespace ends. Killing unshare is not enough: servers that change their user lose
        # the wish to die with their parent.
        first = self._first()
        if first:
            subprocess.run([*AS_ROOT, "kill", "-KILL", first], stdin=subprocess.DEVNULL, capture_output=True)
        if not AS_ROOT:
            self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    def _first(self):
        """The first process of the namespace: unshare's child; sudo may stand before unshare. None: it has ended."""
        pid = str(self.process.pid)
        with contextlib.suppress(OSError):
            while True:
                is_unshare = pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "unshare"
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                if not children:
                    return None
                pid = children[0]
                if is_unshare:
                    return pid
        return None

    def run(self, command):
        first = self._first()
        if not first:
            raise AssertionError(f"{self.name} has ended")
        result = subprocess.run([*AS_ROOT, "nsenter", "-t", first, "-m", "-p", "-r", "-w", "sh", "-c", command],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=30)
        # sudo warns when the machine's own name cannot be resolved.
        said = [line for line in result.stderr.splitlines(True) if not line.startswith("sudo: ")]
        return result.stdout + "".join(said)

    def text(self):
        """Everything that it has said so far."""
        self.output += (self.process.stdout.read() or b"").decode(errors="replace")
        return self.output + (self.run(f"cat {self.log}") if self.log and self.process.poll() is None else "")

    def send(self, sender, recipients, octets, options=()):
        with smtplib.SMTP("127.0.0.1", self.port, "client.example", timeout=30) as client:
            client.ehlo()
            client.command_encoding = "utf-8"
            client.sendmail(sender, recipients, octets, mail_options=options)

    def wait_until_empty(self, timeout_s=60):
        end = time.monotonic() + timeout_s
        while True:
            waiting = self.run(self.queue).strip()
            if not waiting:
                break
            if time.monotonic() > end:
                raise AssertionError(f"{self.name} still has:\n{waiting}\n{self.text()[-8000:]}")
            time.sleep(0.1)
        trouble = [line for line in self.text().splitlines() if re.search(self.troubled, line)]
        if trouble:
            raise AssertionError(f"{self.name} had trouble:\n" + "\n".join(trouble[:20]))


class Postfix(Peer):
    name, log = "postfix", "/var/log/postfix.log"
    setup = """
cat >/etc/postfix/main.cf <<'END'
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = postfix.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
relayhost = [127.0.0.1]:{relay}
smtp_tls_security_level = may
smtp_line_length_limit = 0
message_size_limit = 50000000
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
bounce_queue_lifetime = 0
END
cat >/etc/postfix/master.cf <<'END'
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
END
mkdir -p /var/spool/postfix /var/lib/postfix
chown postfix /var/lib/postfix
"""
    main = "postfix start-fg"
    queue = "find /var/spool/postfix/maildrop /var/spool/postfix/incoming /var/spool/postfix/active " \
            "/var/spool/postfix/deferred /var/spool/postfix/hold -type f"
    troubled = r"status=(deferred|bounced)|: (warning|fatal|panic): (?!not )"


class Exim(Peer):
    name, log = "exim", "/var/log/exim4/mainlog"
    setup = """
mkdir -p /etc/exim4 /var/spool/exim4 /var/log/exim4
chown Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4
cat >/etc/exim4/exim4.conf <<'END'
primary_hostname = exim.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
disable_ipv6
host_lookup =
rfc1413_hosts =
dns_dnssec_ok = 0
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
message_size_limit = 50M
log_selector = +all
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
queue_run_max = 5
begin acl
accept_all:
    accept
begin routers
all:
    driver = manualroute
    domains = *
    transport = out
    route_list = * 127.0.0.1
    self = send
begin transports
out:
    driver = smtp
    port = {relay}
    allow_localhost
    message_linelength_limit = 1000000
begin retry
* * F,1h,1s
END
"""
    main = "exim4 -bdf -q2s"
    queue = "exim4 -bpr"
    troubled = r" (==|\*\*) "


class OpenSmtpd(Peer):
    name = "opensmtpd"
    setup = """
mkdir -p /var/lib/opensmtpd/empty /var/spool
chmod 711 /var/lib/opensmtpd/empty
echo opensmtpd.example >/etc/mailname
: >/etc/aliases
cat >/etc/smtpd.conf <<'END'
listen on 127.0.0.1 port {port} hostname opensmtpd.example
action "out" relay host smtp://127.0.0.1:{relay} helo opensmtpd.example
match from any for any action "out"
END
"""
    # Its first process must not be the one that inherits orphans.
    main = "smtpd -d -F & wait $!"
    queue = "find /var/spool/smtpd/queue -type f"
    troubled = r'mta delivery.* result="(?!Ok)|mta error'
