"""What processes cost: CPU, octets written, memory, flushes; read from /proc, so it works for any server."""

import contextlib
import os
import pathlib
import re

TICKS = os.sysconf("SC_CLK_TCK")
FLUSHES = ("fsync", "fdatasync", "sync_file_range", "msync", "syncfs", "sync")


def tree(*roots):
    """The processes and their descendants."""
    found = []
    for pid in roots:
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                found += tree(*map(int, (task / "children").read_text().split()))
    return found


def _cpu_seconds(pid):
    """Own time, and that of children that have ended (Postfix and Dovecot use many short-lived ones)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _written_bytes(pid):
    """What went to the disk: not what was thrown away before it could (spools are short-lived)."""
    values = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(values["write_bytes"]) - int(values["cancelled_write_bytes"])


def _sum(function, pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += function(pid)
    return total


def cpu_seconds(pids):
    return _sum(_cpu_seconds, pids)


def written_bytes(pids):
    return _sum(_written_bytes, pids)


def _pss_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1])


def pss_kib(pids):
    """Shared pages count in parts, so that the sum is the memory used."""
    return _sum(_pss_kib, pids)


def tracing_flushes(output):
    """The words before a command whose flushes shall be counted. Only they stop under strace (its seccomp filter),
    everything else runs as fast as before; the command keeps its parent."""
    return ["strace", "-D", "-f", "-q", "--seccomp-bpf", "-e", f"trace={','.join(FLUSHES)}", "-e", "signal=none",
            "-o", str(output)]


def flushes_in(output):
    """How many so far. A call that another thread interrupts has two lines."""
    text = pathlib.Path(output).read_text(errors="replace")
    return len(re.findall(rf"^\d+ +(?:{'|'.join(FLUSHES)})\(", text, re.MULTILINE))
