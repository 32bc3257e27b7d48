"""The account page over HTTP: framing, logins, sessions, and the calls of its API.

Names W1, A1 … are rows of the specification's acceptance table.
"""

import base64
import email.utils
import hashlib
import pathlib
import re
import socket
import ssl
import time

import harness
from harness import HTTPS, PASSWORD, USER, wait_until
from web import Browser, raw

HEADERS = ("X-Frame-Options", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy")


def status_of(octets):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", octets)]


class TestFraming(harness.ServerTest):
    """Requests as octets."""

    def request(self, line=b"GET /account/none HTTP/1.1", fields=b"Host: localhost\r\n", body=b""):
        return line + b"\r\n" + fields + b"\r\n" + body

    def check(self, octets, *expected):
        self.assertEqual(status_of(raw(self.server, octets)), list(expected), octets[:200])

    def test_pipelined_requests_are_answered_in_order(self):
        three = self.request() + self.request(b"GET /account HTTP/1.1") + self.request(b"GET /x HTTP/1.1")
        for pieces in (1, 7, len(three)):
            self.assertEqual(status_of(raw(self.server, three, pieces=pieces)), [404, 303, 404])

    def test_a_body_is_not_the_next_request(self):
        body = b'{"params": []}'
        call = (b"POST /account/api/LoginPrep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.check(call + self.request(), 200, 404)
        chunked = (b"POST /account/api/LoginPrep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n"
                   % (body[:5], len(body) - 5, body[5:]))
        for pieces in (1, 3, len(chunked)):
            self.assertEqual(status_of(raw(self.server, chunked + self.request(), pieces=pieces)), [200, 404])

    def test_smuggling_is_refused(self):
        """Whatever two readers could understand in two ways ends the connection: row 49."""
        inner = self.request(b"GET /smuggled HTTP/1.1")
        post = b"POST /account/api/LoginPrep HTTP/1.1"
        host = b"Host: localhost\r\n"
        for fields, status in (
                (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 400),
                (b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 400),
                (b"Content-Length: 4\r\nContent-Length: 5\r\n", 400),
                (b"Content-Length: 4\r\nContent-Length: 4\r\n", 400),
                (b"Content-Length: 4, 4\r\n", 400),
                (b"Content-Length: +4\r\n", 400),
                (b"Content-Length: -4\r\n", 400),
                (b"Content-Length: 0x4\r\n", 400),
                (b"Content-Length: 99999999999999999999\r\n", 400),
                (b"Content-Length : 4\r\n", 400),
                (b"Transfer-Encoding : chunked\r\n", 400),
                (b"Transfer-Encoding:\x0bchunked\r\n", 400),
                (b"X: y\r\n Content-Length: 4\r\n", 400),
                (b"X: y\nContent-Length: 4\r\n", 400),
                (b"X: y\rContent-Length: 4\r\n", 400),
                (b"X: y\0\r\n", 400),
                (b"Host: example.org\r\n", 400)):
            self.check(self.request(post, host + fields, b"0\r\n\r\n" + inner), status)
        for fields in (b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked, identity\r\n",
                       b"Transfer-Encoding: gzip, chunked\r\n",
                       b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"):
            found = status_of(raw(self.server, self.request(post, host + fields, b"0\r\n\r\n" + inner)))
            self.assertEqual(len(found), 1, fields)
            self.assertIn(found[0], (400, 501), fields)
        self.check(self.request(b"POST /account/api/LoginPrep HTTP/1.0",
                                host + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + inner), 400)
        for chunk in (b"g\r\n", b"-1\r\nx\r\n", b"1\nx\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"1;\nx\r\nx\r\n0\r\n\r\n",
                      b"0\r\nX: y\n\n", b"0\n\n", b"1\r\nxy\r\n0\r\n\r\n"):
            self.check(self.request(post, host + b"Transfer-Encoding: chunked\r\n", chunk + inner), 400)

    def test_request_lines(self):
        for line, status in ((b"GET /account/none HTTP/1.1", 404), (b"FETCH / HTTP/1.1", 501),
                             (b"PUT /account/ HTTP/1.1", 405), (b"POST /account/ HTTP/1.1", 405),
                             (b"GET /account/api/Account HTTP/1.1", 405), (b"GET / HTTP/2.0", 505),
                             (b"GET / HTTP/1.2", 404), (b"GET http://localhost/account/none HTTP/1.1", 404),
                             (b"GET none HTTP/1.1", 400), (b"GET /a\tb HTTP/1.1", 400), (b"GET /%zz HTTP/1.1", 400),
                             (b"GET /%00 HTTP/1.1", 400), (b"OPTIONS * HTTP/1.1", 400),
                             (b"CONNECT localhost:25 HTTP/1.1", 400), (b"PRI * HTTP/2.0", 501)):
            found = status_of(raw(self.server, self.request(line)))
            self.assertEqual(len(found), 1, line)
            if line not in (b"GET / HTTP/1.2", b"PRI * HTTP/2.0"):
                self.assertEqual(found, [status], line)

    def test_limits(self):
        self.check(self.request(b"GET /" + b"a" * 16000 + b" HTTP/1.1"), 404)
        self.check(self.request(b"GET /" + b"a" * 20000 + b" HTTP/1.1"), 414)
        self.check(self.request(fields=b"Host: localhost\r\nX: " + b"a" * 20000 + b"\r\n"), 431)
        self.check(self.request(fields=b"Host: localhost\r\n" + b"X: y\r\n" * 101), 431)
        self.check(self.request(b"POST /account/api/LoginPrep HTTP/1.1",
                                b"Host: localhost\r\nContent-Length: 1000000\r\n", b"x" * 1000000), 413)
        self.check(self.request(b"POST /account/api/LoginPrep HTTP/1.1",
                                b"Host: localhost\r\nTransfer-Encoding: chunked\r\n",
                                b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"9000\r\n" + b"x" * 0x9000), 413)

    def test_other_protocols(self):
        """Row 15: a connection that begins otherwise is closed at once."""
        for octets in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"EHLO client.example\r\n",
                       b"a1 LOGIN x y\r\n", b"\x80\x2e\x01\x03\x01"):
            found = raw(self.server, octets)
            self.assertIn(status_of(found), ([400], [501]), octets)

    def test_hosts(self):
        """H13, H14: only our own names."""
        for host, status in (("localhost", 303), ("127.0.0.1", 303), ("[::1]:443", 303), ("LOCALHOST.", 303),
                             ("localhost:9", 303), ("evil.example", 404), ("localhost.evil.example", 404),
                             ("localhost:x", 400), ("a b", 400), ("[::1", 400), ("local\\host", 400)):
            self.check(self.request(b"GET / HTTP/1.1", b"Host: " + host.encode() + b"\r\n"), status)
        self.check(self.request(b"GET / HTTP/1.1", b""), 400)

    def test_traversal(self):
        """Row 49, H18: nothing but what the table of files names."""
        for path in ("/account/../../etc/passwd", "/account/%2e%2e/%2e%2e/etc/passwd", "/account/..%2f..%2fetc/passwd",
                     "/account//etc/passwd", "/account/assets/../../godwit.conf", "/account/..\\..\\x",
                     "/account/" + "a" * 5000):
            self.check(self.request(b"GET " + path.encode() + b" HTTP/1.1"), 404)

    def test_head_has_no_body(self):
        for method in (b"HEAD", b"GET"):
            found = raw(self.server, self.request(method + b" / HTTP/1.1"))
            self.assertEqual(status_of(found), [303])
            self.assertEqual(found.endswith(b"\r\n\r\n"), method == b"HEAD")

    def test_continue(self):
        body = b'{"params": []}'
        found = raw(self.server, b"POST /account/api/LoginPrep HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(status_of(found), [100, 200])
        found = raw(self.server, b"POST /account/api/LoginPrep HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(status_of(found), [200])

    def test_alpn(self):
        """Row 16: TLS for something else is refused."""
        for protocols, good in ((["http/1.1"], True), (["h2", "http/1.1"], True), (["imap"], False)):
            context = harness.insecure_tls()
            context.set_alpn_protocols(protocols)
            with socket.create_connection(("127.0.0.1", self.server.port(HTTPS)), 60) as plain:
                if good:
                    with context.wrap_socket(plain, server_hostname="localhost") as tls:
                        self.assertEqual(tls.selected_alpn_protocol(), "http/1.1")
                else:
                    self.assertRaises(ssl.SSLError, context.wrap_socket, plain, server_hostname="localhost")


class TestLogin(harness.ServerTest):
    def test_w1_login_token(self):
        browser = Browser(self.server)
        token = browser.call("LoginPrep").result()
        self.assertGreaterEqual(len(token), 11)
        for wrong in ("", "x", token[:-1], token + "x"):
            self.assertEqual(browser.call("Login", wrong, USER, PASSWORD).error(), "user:error")
        browser.cookies.clear()
        self.assertEqual(browser.call("Login", token, USER, PASSWORD).error(), "user:error")
        self.assertEqual(browser.call("Login", "", USER, PASSWORD, headers={"Cookie": "webaccountlogin="}).error(),
                         "user:error")

    def test_w2_w13_login_and_cookies(self):
        for tls in (True, False):
            browser = Browser(self.server, tls=tls)
            prep = browser.call("LoginPrep").cookies()["webaccountlogin"]
            self.assertIn("max-age=30", prep[1])
            answer = browser.login()
            self.assertRegex(answer.result(), r"^[A-Za-z0-9_-]{22}$")
            value, attributes = answer.cookies()["webaccountsession"]
            self.assertRegex(value, r"^[A-Za-z0-9_-]{22}$")
            self.assertNotEqual(value, answer.result())
            self.assertEqual(sorted(attributes), sorted(["path=/account/", "httponly", "samesite=strict"] +
                                                        (["secure"] if tls else [])))
            self.assertEqual(answer.cookies()["webaccountlogin"][0], "")
            account = browser.call("Account").result()
            self.assertEqual(account["LoginAddress"], USER)
            self.assertIn(USER, account["Addresses"])
            self.assertEqual(account["Services"]["IMAPS"], self.server.port(harness.IMAPS))

    def test_w3_wrong_credentials(self):
        browser = Browser(self.server)
        for user, password in ((USER, PASSWORD + "x"), ("nobody@other.example", PASSWORD), ("x@example.org", PASSWORD),
                               ("", ""), ("' OR 1=1 --", "x"), ("user@localhost\0", PASSWORD)):
            token = browser.call("LoginPrep").result()
            answer = browser.call("Login", token, user, password)
            if "\0" in user:
                self.assertEqual(answer.error(), "sherpa:badRequest")
            else:
                self.assertEqual(answer.error(), "user:loginFailed", user)
            self.assertNotIn("webaccountsession", answer.cookies())

    def test_w4_matrix(self):
        good = Browser(self.server)
        good.login()
        cookie = good.cookies["webaccountsession"]
        bad_token = "A" * 22
        for csrf in (None, "bad", bad_token, good.csrf):
            for session in (None, "bad", bad_token, cookie):
                browser = Browser(self.server)
                headers = {}
                if csrf:
                    headers["x-godwit-csrf"] = csrf
                if session:
                    browser.cookies["webaccountsession"] = session
                answer = browser.call("Account", headers=headers)
                self.assertEqual(answer.status, 200)
                if csrf is None or session is None:
                    self.assertEqual(answer.error(), "user:noAuth")
                elif (csrf, session) == (good.csrf, cookie):
                    answer.result()
                else:
                    self.assertEqual(answer.error(), "user:badAuth")
        # The two tokens of another login of the same account do not go together.
        other = Browser(self.server)
        other.login()
        other.csrf = good.csrf
        self.assertEqual(other.call("Account").error(), "user:badAuth")
        # A cookie that somebody else put beside ours.
        answer = good.call("Account", headers={"Cookie": f"webaccountsession={cookie}; webaccountsession={bad_token}"})
        self.assertEqual(answer.error(), "user:noAuth")

    def test_w5_calls(self):
        browser = Browser(self.server)
        browser.login()
        self.assertEqual(browser.request("GET", "/account/api/Account").status, 405)
        self.assertEqual(browser.request("PUT", "/account/api/Account", "").status, 405)
        answer = browser.call("NoSuchFunction")
        self.assertEqual((answer.status, answer.error()), (404, "sherpa:badFunction"))
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
                     "application/json; charset=latin1"):
            self.assertEqual(browser.call("Account", headers={"Content-Type": kind}).error(), "sherpa:badRequest")
        browser.call("Account", headers={"Content-Type": "application/json; charset=UTF-8"}).result()
        for body in ("", "{", "[]", '{"params": [], "more": 1}', '{"params": [], "params": []}', '{"p": []}', '"x"',
                     '{"params": []} x', "[" * 40000):
            self.assertEqual(browser.call("Account", body=body).error(), "sherpa:badRequest", body[:40])
        for params in ([1], ["x"], [None]):
            self.assertEqual(browser.call("Account", *params).error(), "sherpa:badParams")
        self.assertEqual(browser.call("Login", "a", "b").error(), "sherpa:badParams")
        self.assertEqual(browser.call("Login", "a", "b", 3).error(), "sherpa:badParams")

    def test_w7_logout_twice(self):
        browser = Browser(self.server)
        browser.login()
        cookie = browser.cookies["webaccountsession"]
        answer = browser.call("Logout")
        self.assertIsNone(answer.result())
        self.assertEqual(answer.cookies()["webaccountsession"][0], "")
        browser.cookies["webaccountsession"] = cookie
        self.assertEqual(browser.call("Logout").error(), "user:badAuth")
        self.assertEqual(browser.call("Account").error(), "user:badAuth")

    def test_w11_survives_a_restart_of_the_store(self):
        browser = Browser(self.server)
        browser.login()
        self.server.command("config", "account", "list")
        self.server.stop()
        self.server.start()
        browser.call("Account").result()

    def test_w15_headers(self):
        browser = Browser(self.server)
        for method, path in (("GET", "/"), ("GET", "/account/"), ("GET", "/none"), ("POST", "/account/"),
                             ("POST", "/account/api/Account")):
            answer = browser.request(method, path, "")
            for name in HEADERS:
                self.assertEqual(len(answer.headers.get_all(name, [])), 1, (path, name))
            date = email.utils.parsedate_to_datetime(answer.headers["Date"])
            self.assertLess(abs(date.timestamp() - time.time()), 60)
            self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
            self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        self.assertEqual(browser.call("LoginPrep").headers["Cache-Control"], "no-store")

    def test_secrets_are_not_logged(self):
        """Row 81."""
        self.server.command("loglevels", "trace")
        browser = Browser(self.server)
        browser.login(password=PASSWORD)
        browser.login(password="a wrong password")
        self.server.command("loglevels", "info")
        log = self.server.log()
        for secret in (PASSWORD, "a wrong password", browser.csrf, browser.cookies["webaccountsession"]):
            # localserve prints its own password at the start
            self.assertLessEqual(log.count(secret), 1 if secret == PASSWORD else 0)


class AccountTest(harness.ServerTest):
    """An account of its own for each test."""

    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[-1][:40].lower()
        self.account, self.address = name, f"{name}@localhost"
        self.server.command("config", "account", "add", self.account, self.address)
        self.set_password("first password")

    def set_password(self, password):
        self.server.command("setaccountpassword", self.account, stdin=password + "\n")

    def browser(self, password="first password", **args):
        browser = Browser(self.server, **args)
        browser.login(self.address, password).result()
        return browser


class TestAccounts(AccountTest):
    def test_w8_unicode_password(self):
        self.set_password("e\u0301te\u0301 \u00a0 2026 x")
        for password, good in (("\u00e9t\u00e9   2026 x", True), ("e\u0301te\u0301 \u00a0 2026 x", True),
                               ("\u00e9t\u00e9   2026 x ", False)):
            browser = Browser(self.server)
            self.assertEqual("result" in browser.login(self.address, password).json(), good, password)

    def test_w10_set_password(self):
        own, other = self.browser(), self.browser()
        imap = self.server.imap(user=self.address, password="first password")
        self.assertEqual(own.call("SetPassword", "wrong password", "second password").error(), "user:error")
        for short in ("", "1234567", "a\tb c d e f g"):
            self.assertEqual(own.call("SetPassword", "first password", short).error(), "user:error")
        other.call("Account").result()
        self.assertIsNone(own.call("SetPassword", "first password", "second password").result())
        own.call("Account").result()
        self.assertEqual(other.call("Account").error(), "user:badAuth")
        with self.assertRaises(Exception):
            for _ in range(50):
                imap.noop()
                time.sleep(0.1)
        self.assertEqual(Browser(self.server).login(self.address, "first password").error(), "user:loginFailed")
        self.browser("second password")

    def test_c23_password_of_the_administrator(self):
        browser = self.browser()
        self.set_password("second password")
        self.assertEqual(browser.call("Account").error(), "user:badAuth")

    def test_w14_limits_of_sessions(self):
        first, second = self.browser(), self.browser()
        for _ in range(99):
            self.browser()
        self.assertEqual(first.call("Account").error(), "user:badAuth")
        second.call("Account").result()
        self.server.command("config", "account", "rm", self.account)
        self.server.command("config", "account", "add", self.account, self.address)
        self.set_password("first password")
        self.assertEqual(second.call("Account").error(), "user:badAuth")

    def test_disabled_account(self):
        browser = self.browser()
        self.server.command("config", "account", "disable", self.account, "ask the postmaster")
        self.assertEqual(browser.call("Account").error(), "user:badAuth")
        answer = Browser(self.server).login(self.address, "first password")
        self.assertEqual(answer.json()["error"], {"code": "user:error", "message": "ask the postmaster"})
        self.server.command("config", "account", "enable", self.account)
        browser.call("Account").result()

    def test_a1_aliases(self):
        for alias in ("open", "hidden"):
            self.server.command("config", "alias", "add", f"{alias}{self.account}@localhost", self.address, USER)
        self.server.command("config", "alias", "update", f"open{self.account}@localhost", "--listmembers", "true")
        aliases = {a["Address"]: a for a in self.browser().call("Account").result()["Aliases"]}
        self.assertEqual(sorted(aliases), [f"hidden{self.account}@localhost", f"open{self.account}@localhost"])
        hidden, shown = aliases[f"hidden{self.account}@localhost"], aliases[f"open{self.account}@localhost"]
        self.assertEqual((hidden["Members"], hidden["ListMembers"]), ([], False))
        self.assertEqual(sorted(shown["Members"]), sorted([self.address, USER]))
        self.assertEqual(shown["SubscriptionAddress"], self.address)


class TestAppPasswords(AccountTest):
    def test_life_of_an_app_password(self):
        browser, other = self.browser(), self.browser()
        self.assertEqual(browser.call("AppPasswords").result(), [])
        for name, scopes, days in (("", [True, True, True], 0), ("n", [False] * 3, 0), ("n", [True] * 3, -1),
                                   ("n", [True] * 3, 3651), ("x" * 65, [True] * 3, 0)):
            self.assertEqual(browser.call("AppPasswordAdd", name, *scopes, days).error(), "user:error", name)
        word = browser.call("AppPasswordAdd", "phone", True, False, False, 30).result()
        self.assertEqual(browser.call("AppPasswordAdd", "phone", True, False, False, 0).error(), "user:error")
        row, = browser.call("AppPasswords").result()
        self.assertEqual([row[name] for name in ("Name", "IMAP", "Submission", "Web", "LastUsed")],
                         ["phone", True, False, False, None])
        self.assertTrue(row["Expires"] > row["Created"])
        self.server.imap(user=self.address, password=word).logout()
        self.assertEqual(Browser(self.server).login(self.address, word).error(), "user:loginFailed")
        stranger = Browser(self.server)
        stranger.login()
        self.assertEqual(stranger.call("AppPasswords").result(), [])
        self.assertEqual(stranger.call("AppPasswordRemove", "phone").error(), "user:error")
        self.assertIsNone(browser.call("AppPasswordRemove", "phone").result())
        self.assertEqual(browser.call("AppPasswordRemove", "phone").error(), "user:error")
        browser.call("Account").result()
        self.assertEqual(other.call("Account").error(), "user:badAuth")

    def test_w12_attempts(self):
        browser = self.browser()
        for _ in range(3):
            self.assertEqual(Browser(self.server).login(self.address, "wrong password").error(), "user:loginFailed")
        self.server.imap(user=self.address, password="first password").logout()

        def seen():
            rows = browser.call("LoginAttempts", 0).result()
            return {(r["Protocol"], r["Result"]): r for r in rows} if len(rows) >= 3 else None

        rows = wait_until(seen, what="attempts")
        self.assertEqual(sorted(rows), [("imap", "ok"), ("web", "badpassword"), ("web", "ok")])
        wrong = wait_until(lambda: seen()[("web", "badpassword")]["Count"] == 3 and seen()[("web", "badpassword")],
                           what="three failures in one row")
        self.assertEqual((wrong["LoginAddress"], wrong["RemoteIP"], wrong["Mechanism"]),
                         (self.address, "127.0.0.1", "weblogin"))
        self.assertIn("version=TLS1.3", wrong["TLS"])
        self.assertEqual(len(browser.call("LoginAttempts", 1).result()), 1)
        stranger = Browser(self.server)
        stranger.login()
        self.assertNotIn(self.address, [r["LoginAddress"] for r in stranger.call("LoginAttempts", 0).result()])


class TestKeys(AccountTest):
    def certificate(self, *key, subject="/CN=phone", name="x"):
        base = self.server.directory / name
        self.run_client("openssl", "req", "-x509", "-nodes", "-days", "36500", "-subj", subject, "-newkey", *key,
                        "-keyout", f"{base}.key", "-out", f"{base}.pem")
        return pathlib.Path(f"{base}.pem").read_text(), pathlib.Path(f"{base}.key").read_text()

    def fingerprint(self, path):
        key = self.run_client("openssl", "x509", "-pubkey", "-noout", "-in", str(path))
        der = base64.b64decode("".join(key.split("-----")[2].split()))
        return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")

    def test_a11_life_of_a_key(self):
        browser = self.browser()
        pem, _ = self.certificate("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.assertEqual(browser.call("TLSPublicKeys").result(), [])
        added = browser.call("TLSPublicKeyAdd", self.address, "", False, pem).result()
        self.assertEqual({name: added[name] for name in ("Fingerprint", "Type", "Name", "LoginAddress",
                                                         "NoIMAPPreauth", "LastUsed")},
                         {"Fingerprint": self.fingerprint(self.server.directory / "x.pem"), "Type": "ecdsa-p256", "Name": "phone",
                          "LoginAddress": self.address, "NoIMAPPreauth": False, "LastUsed": None})
        self.assertEqual(browser.call("TLSPublicKeys").result(), [added])
        self.assertEqual(browser.call("TLSPublicKeyAdd", self.address, "", False, pem).error(), "user:error")
        fingerprint = added["Fingerprint"]
        self.assertIsNone(browser.call("TLSPublicKeyUpdate", fingerprint, self.address, "my phone", True).result())
        changed = browser.call("TLSPublicKeys").result()[0]
        self.assertEqual((changed["Name"], changed["NoIMAPPreauth"]), ("my phone", True))
        for name in ("", "a\nb", "x" * 257):
            self.assertEqual(browser.call("TLSPublicKeyUpdate", fingerprint, self.address, name, True).error(),
                             "user:error")
        # Somebody else's key: neither added, changed nor removed, and nothing is said about it.
        other = Browser(self.server)
        other.login()
        self.assertEqual(other.call("TLSPublicKeyAdd", USER, "", False, pem).error(), "user:error")
        self.assertEqual(other.call("TLSPublicKeyUpdate", fingerprint, USER, "mine", True).error(), "user:error")
        self.assertEqual(other.call("TLSPublicKeyRemove", fingerprint).error(), "user:error")
        bogus = "A" * 43
        for wrong in (bogus, "", "x"):
            self.assertEqual(browser.call("TLSPublicKeyUpdate", wrong, self.address, "n", True).error(), "user:error")
            self.assertEqual(browser.call("TLSPublicKeyRemove", wrong).error(), "user:error")
        self.assertIsNone(browser.call("TLSPublicKeyRemove", fingerprint).result())
        self.assertEqual(browser.call("TLSPublicKeyRemove", fingerprint).error(), "user:error")
        self.assertEqual(browser.call("TLSPublicKeys").result(), [])

    def test_a13_what_is_no_key(self):
        browser = self.browser()
        pem, key = self.certificate("ed25519")
        small, _ = self.certificate("rsa:1024", name="small")
        curve, _ = self.certificate("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", name="curve")
        for text in (pem + pem, key, pem + key, "", "x", pem[:100], pem.replace("M", "N", 1), small, curve):
            self.assertEqual(browser.call("TLSPublicKeyAdd", self.address, "n", False, text).error(), "user:error")
        for address in (USER, "nobody@example.org", self.address.upper(), ""):
            self.assertEqual(browser.call("TLSPublicKeyAdd", address, "n", False, pem).error(), "user:error", address)
        nameless, _ = self.certificate("rsa:2048", subject="/O=x", name="nameless")
        found = browser.call("TLSPublicKeyAdd", self.address, "", True, nameless).result()
        self.assertRegex(found["Name"], r"^serial [0-9a-f]+$")
        self.assertEqual(found["Type"], "rsa-2048")
        self.assertEqual(browser.call("TLSPublicKeyAdd", self.address, " n ", False, pem).result()["Type"], "ed25519")


class TestPublic(harness.ServerTest):
    """As on the internet: limits are on, and passwords need TLS."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        text = cls.server.config.read_text()
        for old, new in (("plain_auth = true", "plain_auth = false"),
                         ('hostname = "localhost"', 'hostname = "mail.test.example"'),
                         ("auth_failures = {0, 0, 0}", "auth_failures = {10, 30, 90}"),
                         ("request_rate = {0, 0, 0}", "request_rate = {1000, 3000, 9000}")):
            assert old in text, old
            text = text.replace(old, new)
        cls.server.config.write_text(text)
        cls.server.start()

    def test_h5_http_leads_to_https(self):
        port = self.server.port(HTTPS)
        for line, host, location in (
                (b"GET /account/?x=1 HTTP/1.1", b"mail.test.example", b"https://mail.test.example:%d/account/?x=1"),
                (b"GET / HTTP/1.1", b"[::1]:80", b"https://[::1]:%d/"),
                (b"GET /" + b"a" * 16000 + b" HTTP/1.1", b"127.0.0.1", b"https://127.0.0.1:%d/" + b"a" * 16000),
                (b"POST /account/api/LoginPrep HTTP/1.1", b"127.0.0.1:80",
                 b"https://127.0.0.1:%d/account/api/LoginPrep")):
            found = raw(self.server, line + b"\r\nHost: " + host + b"\r\n\r\n")
            self.assertEqual(status_of(found), [308])
            self.assertIn(b"\r\nLocation: " + location % port + b"\r\n", found)
            self.assertNotIn(b"Set-Cookie", found)

    def test_hsts(self):
        browser = Browser(self.server, host="mail.test.example")
        self.assertIn("max-age=", browser.request("GET", "/account/").headers["Strict-Transport-Security"])
        self.assertNotIn(b"Strict-Transport", raw(self.server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))

    def test_w9_limits(self):
        def minute():
            """Enough of this minute is left."""
            if time.time() % 60 > 40:
                time.sleep(60 - time.time() % 60)

        minute()
        bad = Browser(self.server)
        bad.cookies["webaccountsession"] = "A" * 22
        bad.csrf = "A" * 22
        good = Browser(self.server)
        for _ in range(9):
            self.assertEqual(bad.call("Account").error(), "user:badAuth")
        good.login().result()
        for _ in range(9):
            self.assertEqual(bad.call("Account").error(), "user:badAuth")
        for _ in range(100):
            self.assertEqual(good.call("Account").status, 200)
        minute()
        for _ in range(10):
            bad.call("Account")
        self.assertEqual(bad.call("Account").status, 429)
        token = bad.call("LoginPrep").result()
        answer = bad.call("Login", token, USER, PASSWORD)
        self.assertEqual(answer.json()["error"]["message"], "too many authentication attempts")
        other = Browser(self.server, source="127.0.200.1")
        other.login().result()

    def test_h17_requests(self):
        if time.time() % 60 > 30:
            time.sleep(60 - time.time() % 60)
        request = b"GET /none HTTP/1.1\r\nHost: other.example\r\n\r\n"
        statuses = [status for _ in range(11) for status in status_of(raw(self.server, request * 100, source="127.0.100.1"))]
        self.assertEqual((statuses.count(404), statuses.count(429)), (1000, 100))

