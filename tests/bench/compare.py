"""Debian's Postfix and Dovecot, set up to promise what godwit promises: mail answered with 250 is on disk, and what is
counted is in the mailbox. Everything lies in a scratch directory; no service of the system is touched.

Postfix 3 takes the mail and gives it to Dovecot over LMTP; Dovecot keeps it in mdbox with mail_fsync=always. Both
listen on 127.0.0.1 only. Needs root, as both do.
"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time

import processes
from targets import Own, START_TIMEOUT_S, stop_process

PACKAGES = ("postfix", "dovecot-core", "dovecot-imapd", "dovecot-lmtpd")
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")

MAIN_CF = """
compatibility_level = 3.6
maillog_file = {directory}/maillog
maillog_file_prefixes = /
queue_directory = {directory}/queue
data_directory = {directory}/postfix-data
mail_owner = postfix
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = localhost
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_cert_file = {directory}/cert.pem
smtpd_tls_key_file = {directory}/key.pem
smtpd_tls_security_level = may
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
biff = no
"""

MASTER_CF = """
127.0.0.1:{smtp_port} inet n - n - - smtpd
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
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT_CONF = """
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{directory}/cert.pem
ssl_key = <{directory}/key.pem
ssl_dh =
default_login_user = dovenull
default_internal_user = dovecot
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
mail_location = mdbox:{directory}/mail/%u
mail_fsync = always
mail_max_userip_connections = 0
auth_mechanisms = plain login
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={directory}/mail/%u allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
  service_count = 0
  client_limit = 11000
}}
service imap {{
  process_limit = 11000
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def install():
    """Installs the packages without letting them start their services."""
    if os.getuid() != 0:
        sys.exit("the comparison needs root: Postfix and Dovecot do")
    missing = [package for package in PACKAGES
               if subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package], capture_output=True,
                                 text=True).stdout != "installed"]
    if not missing:
        return
    denied = not POLICY.exists()
    if denied:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        subprocess.run(["debconf-set-selections"], text=True, check=True,
                       input="postfix postfix/main_mailer_type select No configuration\n")
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], check=True,
                       stdin=subprocess.DEVNULL, stdout=sys.stderr,
                       env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    finally:
        if denied:
            POLICY.unlink()


def wait_for_port(port):
    end = time.monotonic() + START_TIMEOUT_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > end:
            sys.exit(f"nothing listens on port {port}")
        time.sleep(0.005)


class PostfixDovecot(Own):
    processes_few = False

    def __init__(self, scratch, base_port):
        super().__init__("postfix+dovecot", scratch, base_port + 26, base_port + 994)
        self.processes = []
        self.lmtp_port = base_port + 24
        # Processes of other users have to reach their part.
        for path in (pathlib.Path(scratch), self.directory):
            path.chmod(0o755)
        self._write()

    def _write(self):
        directory = self.directory
        user = pwd.getpwnam("nobody")
        values = {"directory": directory, "uid": user.pw_uid, "gid": user.pw_gid, "smtp_port": self.smtp_port,
                  "imaps_port": self.imaps_port, "lmtp_port": self.lmtp_port, "password": self.password}
        for name in ("etc", "queue", "postfix-data", "run", "state", "mail"):
            (directory / name).mkdir()
        shutil.chown(directory / "postfix-data", "postfix")
        os.chown(directory / "mail", user.pw_uid, user.pw_gid)
        (directory / "etc/main.cf").write_text(MAIN_CF.format(**values))
        (directory / "etc/master.cf").write_text(MASTER_CF.format(**values))
        (directory / "dovecot.conf").write_text(DOVECOT_CONF.format(**values))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-days", "30", "-keyout", str(directory / "key.pem"),
                        "-out", str(directory / "cert.pem")], check=True, capture_output=True)

    def launch(self, prefix):
        trace = [] if not prefix else prefix[:-1]
        commands = (["dovecot", "-F", "-c", str(self.directory / "dovecot.conf")],
                    ["postfix", "-c", str(self.directory / "etc"), "start-fg"])
        self.processes = []
        for number, command in enumerate(commands):
            traced = [*trace, f"{prefix[-1]}.{number}"] if prefix else []
            self.processes.append(subprocess.Popen([*traced, *command], stdin=subprocess.DEVNULL,
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        self.roots = [process.pid for process in self.processes]
        for port in (self.lmtp_port, self.imaps_port, self.smtp_port):
            wait_for_port(port)

    def flushes(self):
        return sum(processes.flushes_in(f"{self.trace_output}.{number}") for number in range(2))

    def stop(self):
        if len(self.processes) == 2 and self.processes[1].poll() is None:
            subprocess.run(["postfix", "-c", str(self.directory / "etc"), "stop"], capture_output=True)
        for process in reversed(self.processes):
            stop_process(process)

    def add_accounts(self, count):
        """Every address has a mailbox there."""
