"""The numbers that Prometheus collects: of every process, over HTTP, and of nobody else's business."""

import http.client
import os
import re
import signal

import harness

SAMPLE = re.compile(r'(godwit_[a-z0-9_]+)((?:\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\})?) (-?[0-9.e+]+)')


class TestMetrics(harness.ServerTest):
    def ask(self, port, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.base + port, timeout=30)
        connection.request(method, path)
        response = connection.getresponse()
        return response, response.read().decode()

    def numbers(self):
        response, text = self.ask(harness.METRICS, "/metrics")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        found = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = SAMPLE.fullmatch(line)
            self.assertIsNotNone(match, line)
            self.assertNotIn(match[1] + match[2], found)
            found[match[1] + match[2]] = float(match[3])
        return found

    def total(self, numbers, name, *labels):
        return sum(value for key, value in numbers.items()
                   if key.split("{")[0] == name and all(label in key for label in labels))

    def test_every_process_counts(self):
        before = self.numbers()
        self.server.deliver("counted")
        with self.server.imap() as client:
            client.select("INBOX")
            client.noop()
        after = self.numbers()
        for name, labels in (("godwit_connections_total", ('service="smtp"',)),
                             ("godwit_connections_total", ('service="imap',)),
                             ("godwit_smtp_deliveries_total", ('result="delivered"',)),
                             ("godwit_store_commits_total", ('result="ok"',))):
            with self.subTest(name=name):
                self.assertGreater(self.total(after, name, *labels), self.total(before, name, *labels))

    def test_counters_survive_their_process(self):
        self.server.deliver("before")
        before = self.total(self.numbers(), "godwit_smtp_deliveries_total")
        self.server.expect_error("process ended")
        os.kill(self.server.pids("mx")[0], signal.SIGKILL)
        self.server.deliver("after")
        self.assertEqual(self.total(self.numbers(), "godwit_smtp_deliveries_total"), before + 1)

    def test_only_there(self):
        for port, path, status in ((harness.METRICS, "/", 404), (harness.METRICS, "/account/", 404),
                                   (harness.METRICS, "/metrics/x", 404), (harness.HTTP, "/metrics", 404)):
            with self.subTest(port=port, path=path):
                self.assertEqual(self.ask(port, path)[0].status, status)
        self.assertEqual(self.ask(harness.METRICS, "/metrics", "POST")[0].status, 405)
        response, text = self.ask(harness.METRICS, "/metrics", "HEAD")
        self.assertEqual((response.status, text), (200, ""))
