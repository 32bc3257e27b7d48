"""Servers that can be measured. One that runs already (Running), or one of our own (Godwit)."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import processes

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60


class Running:
    """Somebody else's server: nothing is started, stopped or created; rows that need that are left out."""

    own = False
    many = None  # a pattern of addresses and users for 10 accounts
    smtp_tls = "starttls"
    processes_few = True  # not one for each connection

    def __init__(self, name, address, smtp_port, imaps_port, user, password, to, roots):
        self.name, self.address = name, address
        self.smtp_port, self.imaps_port = smtp_port, imaps_port
        self.user, self.password, self.to = user, password, to
        self.roots = roots

    def pids(self):
        return processes.tree(*self.roots)


class Own(Running):
    """A server that is started here, in a scratch directory. Derived classes say how."""

    own = True
    trace_output = None

    def __init__(self, name, scratch, smtp_port, imaps_port):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{name}-", dir=scratch))
        super().__init__(name, "127.0.0.1", smtp_port, imaps_port, "user@localhost", "godwitgodwit",
                         "user@localhost", [])
        self.many = "u%u@localhost"

    def start(self, traced=False):
        """Seconds until it serves."""
        self.trace_output = self.directory / "flushes" if traced else None
        prefix = processes.tracing_flushes(self.trace_output) if traced else []
        began = time.monotonic()
        self.launch(prefix)
        return time.monotonic() - began

    def flushes(self):
        return processes.flushes_in(self.trace_output)

    def close(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def stop_process(process, timeout_s=STOP_TIMEOUT_S):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Godwit(Own):
    def __init__(self, build, scratch, base_port, arguments=(), configuration=""):
        super().__init__("godwit", scratch, base_port + 25, base_port + 993)
        self.program = build / "godwit"
        self.arguments = ["--base-port", str(base_port), *arguments]
        self.config = self.directory / "server/godwit.conf"
        self.configuration = configuration
        self.process = None
        self.log = self.directory / "log"

    def launch(self, prefix):
        command = [*prefix, self.program, "localserve", "--dir", self.directory / "server"]
        if not self.config.exists():
            if self.configuration:
                self._make_configuration([*command, *self.arguments])
            else:
                command += self.arguments
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=open(self.log, "ab"))
        self.roots = [self.process.pid]
        ready = threading.Event()
        threading.Thread(target=self._read, args=(self.process.stdout, ready), daemon=True).start()
        if not ready.wait(START_TIMEOUT_S):
            sys.exit(f"godwit did not become ready; see {self.log}")

    def _make_configuration(self, command):
        """The first start writes the file; what was asked for comes behind it."""
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        for line in process.stdout:
            if line == b"ready\n":
                break
        process.stdout.close()
        stop_process(process)
        with open(self.config, "a") as file:
            file.write(f"\n{self.configuration}\n")

    @staticmethod
    def _read(pipe, ready):
        for line in pipe:
            if line == b"ready\n":
                ready.set()

    def stop(self):
        stop_process(self.process)

    def add_accounts(self, count):
        for number in range(count):
            self._command("config", "account", "add", f"u{number}", self.many.replace("%u", str(number)))
            self._command("setaccountpassword", f"u{number}", stdin=f"{self.password}\n")

    def _command(self, *arguments, stdin=""):
        result = subprocess.run([str(self.program), "--config", str(self.config), *arguments], input=stdin,
                                capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"godwit {' '.join(arguments)}: {result.stdout}{result.stderr}")


def machine():
    """What the numbers were made on."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal: +(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {"bench": "machine", "cpu": cpu[1] if cpu else "", "cores": os.cpu_count(),
            "memory_mib": int(memory[1]) // 1024, "kernel": os.uname().release,
            "load_average": [round(value, 2) for value in os.getloadavg()],
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
