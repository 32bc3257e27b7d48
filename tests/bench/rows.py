"""The rows of the table: one function for each measurement, each gives dictionaries with numbers."""

import contextlib
import imaplib
import json
import ssl
import statistics
import subprocess
import time

import processes

ARRIVAL_TIMEOUT_S = 600
SETTLE_S = 2


def mean_of_runs(lines, *keys):
    """The median of each key over runs."""
    return {key: round(statistics.median(line[key] for line in lines), 4)
            for key in keys if all(line.get(key) is not None for line in lines)}


class Mailboxes:
    """Counts over IMAP, so that 'delivered' means the same for every server: a client can see it."""

    def __init__(self, target, users):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.clients = []
        for user in users:
            client = imaplib.IMAP4_SSL(target.address, target.imaps_port, ssl_context=context, timeout=120)
            client.login(user, target.password)
            self.clients.append(client)

    def count(self):
        total = 0
        for client in self.clients:
            _, data = client.status("INBOX", "(MESSAGES)")
            total += int(data[0].rpartition(b"MESSAGES ")[2].strip(b" )"))
        return total

    def wait_for(self, count):
        end = time.monotonic() + ARRIVAL_TIMEOUT_S
        while (have := self.count()) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{count - have} messages did not arrive")
            time.sleep(0.02)

    def close(self):
        for client in self.clients:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                client.logout()


class Bench:
    def __init__(self, target, tools, runs, messages, seconds):
        self.target, self.tools, self.runs = target, tools, runs
        self.messages, self.seconds = messages, seconds

    def tool(self, name, meanwhile=None, **options):
        """A load generator's JSON line; meanwhile() is called while the connections of `idle` wait."""
        target = self.target
        words = {"address": target.address, "user": target.user, "password": target.password, "to": target.to,
                 **options}
        command = [str(self.tools / f"bench_{name}")]
        for key, value in words.items():
            command += [f"--{key.replace('_', '-')}", str(value)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        if meanwhile:
            process.stdout.readline()
            meanwhile()
        output, errors = process.communicate()
        try:
            line = json.loads(output)
        except json.JSONDecodeError:
            line = {"bench": name}
        if process.returncode != 0:
            line["failed"] = errors.strip()[-300:] or f"status {process.returncode}"
        return line

    def load(self, connections, messages, recipients=1):
        """One run of SMTP load, until every delivery is in its mailbox."""
        target = self.target
        users = [target.many.replace("%u", str(i)) for i in range(recipients)] if recipients > 1 else [target.user]
        boxes = Mailboxes(target, users)
        before = boxes.count()
        cpu, written = processes.cpu_seconds(target.pids()), processes.written_bytes(target.pids())
        line = self.tool("smtp", port=target.smtp_port, tls=target.smtp_tls, connections=connections,
                         messages=messages, recipients=recipients, to=target.many if recipients > 1 else target.to)
        ended = time.monotonic()
        deliveries = line.get("message", {}).get("count", 0) * recipients
        boxes.wait_for(before + deliveries)
        queued = time.monotonic() - ended
        boxes.close()
        if deliveries == 0:
            return line
        line["in_mailbox_per_s"] = round(deliveries / (line["seconds"] + queued), 1)
        line["queue_emptied_after_s"] = round(queued, 3)
        pids = target.pids()
        line["cpu_ms_per_delivery"] = round((processes.cpu_seconds(pids) - cpu) * 1000 / deliveries, 4)
        line["written_kib_per_delivery"] = round((processes.written_bytes(pids) - written) / 1024 / deliveries, 2)
        line["message_kib"] = round(line["bytes"] / 1024 / (deliveries / recipients), 1)
        line["p50_ms"], line["p99_ms"] = line["message"]["p50_ms"], line["message"]["p99_ms"]
        return line

    def repeat_load(self, row, connections, messages, recipients=1):
        lines = [self.load(connections, messages, recipients) for _ in range(self.runs)]
        for line in lines:
            yield {**line, "row": f"{row}_run"}
        yield {"row": row, "runs": self.runs, "messages": messages,
               **mean_of_runs(lines, "in_mailbox_per_s", "cpu_ms_per_delivery", "written_kib_per_delivery", "p50_ms",
                              "p99_ms", "message_kib")}

    def delivery(self):
        yield from self.repeat_load("delivery", 16, self.messages)

    def recipients(self):
        if self.target.many:
            yield from self.repeat_load("ten_recipients", 8, max(self.messages // 10, 100), recipients=10)

    def flushes(self):
        """A run of its own, because the flushes are counted with strace."""
        target = self.target
        if not target.own:
            return
        target.stop()
        target.start(traced=True)
        before = target.flushes()
        line = self.load(16, self.messages)
        flushes = target.flushes() - before
        target.stop()
        target.start()
        yield {"row": "flushes", "flushes_per_delivery": round(flushes / line["message"]["count"], 4),
               "flushes": flushes, "messages": line["message"]["count"],
               "in_mailbox_per_s": line.get("in_mailbox_per_s")}

    def start(self):
        """Start with the data that is there, and memory right after it."""
        target = self.target
        if not target.own:
            return
        seconds, memory = [], []
        after_load = processes.pss_kib(target.pids())
        for _ in range(self.runs):
            target.stop()
            seconds.append(target.start())
            time.sleep(SETTLE_S)
            memory.append(processes.pss_kib(target.pids()))
        yield {"row": "start", "runs": self.runs, "ready_ms": round(statistics.median(seconds) * 1000, 1),
               "idle_mib": round(statistics.median(memory) / 1024, 1),
               "idle_after_load_mib": round(after_load / 1024, 1)}

    def imap(self):
        target = self.target
        boxes = Mailboxes(target, [target.user])
        messages = boxes.count()
        boxes.close()
        common = {"port": target.imaps_port, "tls": "implicit", "messages": messages, "seconds": self.seconds}
        for row, options in (("imap_whole", {"connections": 1, "whole": 1}), ("imap", {"connections": 16})):
            cpu = processes.cpu_seconds(target.pids())
            line = self.tool("imap", **common, **options)
            commands = sum(value["count"] for value in line.values() if isinstance(value, dict))
            spent = processes.cpu_seconds(target.pids()) - cpu
            yield {**line, "row": row, "cpu_ms_per_command": round(spent * 1000 / commands, 3) if commands else None}

    def notify(self):
        target = self.target
        line = self.tool("notify", port=target.imaps_port, tls="implicit", smtp_port=target.smtp_port, messages=50)
        yield {**line, "row": "notify"}

    def idle(self, connections):
        """Right after a start, so that memory of earlier load is not counted as free."""
        target = self.target
        if target.own:
            target.stop()
            target.start()
            time.sleep(SETTLE_S)
        common = {"port": target.imaps_port, "tls": "implicit"}
        after = []

        def measure():
            time.sleep(SETTLE_S)
            after.append(processes.pss_kib(target.pids()))

        self.tool("idle", **common, connections=50, meanwhile=measure)  # warms up
        before = processes.pss_kib(target.pids())
        line = self.tool("idle", **common, connections=connections, meanwhile=measure)
        yield {**line, "row": "idle", "pss_before_mib": round(before / 1024, 1),
               "pss_with_them_mib": round(after[-1] / 1024, 1),
               "kib_per_connection": round((after[-1] - before) / connections, 2)}

    def long_run(self, total, chunk):
        """CPU per message at the start and at the end of very many."""
        lines = []
        for number in range(max(total // chunk, 2)):
            line = self.load(16, chunk)
            lines.append(line)
            yield {**line, "row": "long_run_part", "messages_before": number * chunk}
        few = max(len(lines) // 20, 1)
        keys = ("in_mailbox_per_s", "cpu_ms_per_delivery", "written_kib_per_delivery")
        yield {"row": "long_run", "messages": len(lines) * chunk,
               "first": mean_of_runs(lines[:few], *keys), "last": mean_of_runs(lines[-few:], *keys)}
