"""account_page.py DIRECTORY: the account page in headless Chromium against a server of our own.

Not in `make test`: it needs Chromium and the packages of ui/. Pictures of every page are left in DIRECTORY, for people.
"""

import pathlib
import subprocess
import sys

import harness


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    server = harness.Server()
    try:
        server.start()
        server.command("config", "account", "add", "ann", "ann@localhost")
        server.command("config", "address", "add", "ann.example@localhost", "ann")
        server.command("config", "alias", "add", "team@localhost", "ann@localhost", harness.USER)
        server.command("config", "alias", "update", "team@localhost", "--listmembers", "true")
        server.command("setaccountpassword", "ann", stdin="correct horse battery\n")
        server.deliver(to="ann@localhost")
        status = subprocess.run(["node", str(harness.ROOT / "ui/test/browser.mjs"),
                                 f"https://localhost:{server.port(harness.HTTPS)}", "ann@localhost",
                                 "correct horse battery", str(directory)], timeout=170).returncode
        server.stop()
        complaints = server.complaints()
        print("\n".join(complaints), end="\n" if complaints else "")
        return 1 if complaints or status else 0
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
