"""Drives Thunderbird through Marionette, the remote control that is built into it: a TCP connection on loopback with
JSON records, each preceded by its length. Scripts run with the rights of the program itself."""

import contextlib
import json
import pathlib
import socket
import subprocess
import time


class Marionette:
    def __init__(self, port, timeout_s=60):
        end = time.monotonic() + timeout_s
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        self.file = self.socket.makefile("rb")
        self.number = 0
        self._receive()  # its greeting
        self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": timeout_s * 1000}}})
        self.call("Marionette:SetContext", value="chrome")

    def _receive(self):
        size = b""
        while not size.endswith(b":"):
            octet = self.file.read(1)
            if not octet:
                raise AssertionError("Thunderbird closed its remote control")
            size += octet
        return json.loads(self.file.read(int(size[:-1])))

    def call(self, command, **parameters):
        self.number += 1
        record = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(record), record))
        _, _, error, result = self._receive()
        if error:
            raise AssertionError(f"{command}: {error['error']}: {error['message']}\n{error['stacktrace']}")
        return result

    def run(self, script, *args):
        """The value of `return` in the script, which may await; its arguments are in `arguments`."""
        wrapped = f"""const done = arguments[arguments.length - 1];
            (async (...arguments) => {{ {script} }})(...arguments).then(
                value => done([true, value === undefined ? null : value]),
                error => done([false, `${{error}}\\n${{error.stack}}`]));"""
        ok, value = self.call("WebDriver:ExecuteAsyncScript", script=wrapped, args=list(args))["value"]
        if not ok:
            raise AssertionError(value)
        return value

    def close(self):
        with contextlib.suppress(OSError, AssertionError):
            self.call("Marionette:Quit", flags=["eForceQuit"])
        self.file.close()
        self.socket.close()


class Thunderbird:
    """A Thunderbird without a window on a screen, with a profile of its own."""

    PREFERENCES = {
        "app.donation.eoy.version.viewed": 999,
        "app.update.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "extensions.autoDisableScopes": 15,
        "mail.provider.suppress_dialog_on_startup": True,
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mail.spotlight.firstRunDone": True,
        "mailnews.start_page.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.dns.disablePrefetch": True,
        "toolkit.telemetry.enabled": False,
    }

    def __init__(self, directory, port, authority):
        self.profile = pathlib.Path(directory) / "profile"
        self.profile.mkdir()
        subprocess.run(["certutil", "-N", "--empty-password", "-d", f"sql:{self.profile}"], check=True)
        subprocess.run(["certutil", "-A", "-n", "godwit", "-t", "C,,", "-i", authority, "-d", f"sql:{self.profile}"],
                       check=True)
        preferences = {**self.PREFERENCES, "marionette.port": port}
        (self.profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                                                      for name, value in preferences.items()))
        self.output = open(pathlib.Path(directory) / "thunderbird.log", "w")
        self.process = subprocess.Popen(["thunderbird", "--headless", "--marionette", "--remote-allow-system-access",
                                         "--no-remote", "--profile", self.profile], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True,
                                        env={"HOME": str(directory), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        try:
            self.control = Marionette(port)
        except BaseException:
            self.close()
            raise

    def run(self, script, *args):
        return self.control.run(script, *args)

    def close(self):
        if hasattr(self, "control"):
            self.control.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.output.close()
