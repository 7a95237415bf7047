"""Where the path benchmark happens: a client of the kernel's, `tuntcp link`, and behind it a router
with two servers beside each other, the kernel's and tuntcp.

    client --link_a==link_b-- router --veth-- server     the kernel, 198.51.100.130
                                     --tun0-- tuntcp     198.51.100.2

enclose() puts this program into namespaces of its own first, those of processes and of mounts
included: what a run that was killed would leave behind ends with it.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SIOCOUTQ = 0x5411
ENCLOSED = "TUNTCP_BENCH_PATH_ENCLOSED"
DISCARD, CHARGEN = 5001, 5002
ADDRESSES = {"kernel": "198.51.100.130", "tuntcp": "198.51.100.2"}
# Buffers beyond the largest path, 2 BDP of 1000 Mbit/s and 100 ms, so that they decide nothing.
BUFFERS = {"net.ipv4.tcp_rmem": "4096 131072 67108864", "net.ipv4.tcp_wmem": "4096 16384 67108864"}
# The client's room is large from the start. Linux 6.18 tunes it by what the reader left in the queue,
# and does not begin where a burst is over before the reader wakes: a window of 64 KB then decides
# what a sender on a fast, long path can do. Where the server receives, its tuning is under test.
CLIENT_RMEM = "4096 33554432 67108864"
PATIENCE = 20.0


def enclose():
    """Starts this program again, in namespaces that end with it."""
    if ENCLOSED in os.environ:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.mkdir("/run/netns")
        return
    if os.geteuid() != 0:
        raise SystemExit("bench-path: it makes network namespaces: run it as root")
    os.environ[ENCLOSED] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
                          "--mount-proc", sys.executable, "-B", *sys.argv])


# The link's own priority is 10. tuntcp goes before the programs that read and write, as the kernel's
# TCP, which works in softirqs, does.
PROGRAMS, TUNTCP = 8, 9


def be_in_time(pid=0, priority=PROGRAMS):
    """Other work of the machine must not decide the result: this program and its children go before
    it."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        pass


def keep_awake():
    """No CPU goes to sleep while this program runs. In a virtual machine a sleeping CPU takes 50 us or
    more to wake, which a stack in the kernel pays less often than one that is a process: a property
    of the machine, not of the stacks. The loops take only time that nobody wants, and end with the
    namespaces."""
    for cpu in os.sched_getaffinity(0):
        def idle(cpu=cpu):
            os.sched_setaffinity(0, {cpu})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=idle,
                         stdin=subprocess.DEVNULL)


def run(*command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


class Inside:
    """With it this thread makes its sockets in a network namespace."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        result = LIBC.setns(there, CLONE_NEWNET)
        os.close(there)
        if result != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")

    def __exit__(self, kind, value, trace):
        LIBC.setns(self.home, CLONE_NEWNET)
        os.close(self.home)


def use_cubic(sock):
    """The default of the machine may be another, and its sysctl locked."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")


def must_use_cubic(sock):
    used = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0")
    if used != b"cubic":
        raise RuntimeError(f"the kernel uses {used.decode()}, not cubic")


class KernelServer:
    """Discard and chargen on the kernel's sockets, a thread a connection."""

    def __init__(self, namespace):
        self.failures = []
        for port, serve in ((DISCARD, self.discard), (CHARGEN, self.chargen)):
            with Inside(namespace):
                listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            use_cubic(listener)
            listener.bind((ADDRESSES["kernel"], port))
            listener.listen(16)
            threading.Thread(target=self.accept, args=(listener, serve), daemon=True).start()

    def accept(self, listener, serve):
        while True:
            sock, _ = listener.accept()
            try:
                must_use_cubic(sock)
            except RuntimeError as error:
                self.failures.append(error)
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    @staticmethod
    def discard(sock):
        room = bytearray(1 << 20)
        try:
            while sock.recv_into(room):
                pass
        except OSError:
            pass
        sock.close()

    @staticmethod
    def chargen(sock):
        text = bytes(range(32, 127)) * 2760
        try:
            while True:
                sock.sendall(text)
        except OSError:
            pass
        sock.close()


class Child:
    """A program that says "ready" in its first line and ends at SIGTERM."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line.endswith(" ready\n"):
            self.process.kill()
            raise RuntimeError(f"{' '.join(command)}: {self.process.communicate()[1].strip()}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            out, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, errors = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(f"{self.process.args}: {errors.strip()}")
        return out


@dataclass
class Flow:
    """What one connection came to."""
    stack: str  # the server's
    mbit: float = 0.0
    marks: list = field(default_factory=list)  # (second, octets so far)
    failure: str = ""


class Topology:
    """The network above. One thread at a time; several may exist."""

    def __init__(self, link_program, program, number=0, knobs=()):
        self.link_program = link_program
        self.program = program
        self.knobs = knobs
        self.client, self.router, self.server = (f"{name}{number}" for name in
                                                 ("client", "router", "server"))
        for name in (self.client, self.router, self.server):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            knobs_of_it = {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv4.ip_forward": "1",
                           "net.ipv6.conf.default.disable_ipv6": "1",
                           # Each run begins as if it were the first.
                           "net.ipv4.tcp_no_metrics_save": "1", **BUFFERS}
            if name == self.client:
                knobs_of_it["net.ipv4.tcp_rmem"] = CLIENT_RMEM
            for knob, value in knobs_of_it.items():
                run("ip", "netns", "exec", name, "sysctl", "-qw", f"{knob}={value}")
        run("ip", "-n", self.router, "link", "add", "veth_r", "type", "veth", "peer", "name",
            "veth_s", "netns", self.server)
        run("ip", "-n", self.router, "address", "add", "198.51.100.129/25", "dev", "veth_r")
        run("ip", "-n", self.router, "link", "set", "veth_r", "up")
        run("ip", "-n", self.server, "address", "add", "198.51.100.130/25", "dev", "veth_s")
        run("ip", "-n", self.server, "link", "set", "veth_s", "up")
        run("ip", "-n", self.server, "route", "add", "default", "via", "198.51.100.129")
        self.kernel = KernelServer(self.server)

    def open_link(self, options, seed):
        command = [self.link_program, "link", "--a", f"@{self.client}", "--b", f"@{self.router}",
                   "--a-address", "203.0.113.1/30", "--b-address", "203.0.113.2/30",
                   "--seed", str(seed), *options]
        link = Child(*command)
        run("ip", "-n", self.client, "route", "add", "198.51.100.0/24", "via", "203.0.113.2")
        return link

    def open_tuntcp(self):
        sets = [f"{name}={value}" for name, value in BUFFERS.items()] + list(self.knobs)
        command = ["ip", "netns", "exec", self.router, self.program, "up", "--tun", "tun0",
                   "--address", ADDRESSES["tuntcp"] + "/25", "--host-address", "198.51.100.1/25",
                   "--serve", f"discard:{DISCARD},chargen:{CHARGEN}", "--log-level", "error"]
        for text in sets:
            command += ["--set", text]
        tuntcp = Child(*command)
        be_in_time(tuntcp.process.pid, TUNTCP)
        return tuntcp

    def device_drops(self):
        """Packets that the devices of the link had no room for: none may be lost there."""
        drops = 0
        for name, device in ((self.client, "link_a"), (self.router, "link_b")):
            path = f"/sys/class/net/{device}/statistics/tx_dropped"
            drops += int(run("ip", "netns", "exec", name, "cat", path))
        return drops

    def measure(self, options, seed, stacks, role, seconds):
        """One connection to each of the servers in `stacks` at once; (flows, counts of the link).
        role "sender": the servers send; "receiver": the client does."""
        link = self.open_link(options, seed)
        tuntcp = None
        try:
            if "tuntcp" in stacks:
                tuntcp = self.open_tuntcp()
            flows = [Flow(stack) for stack in stacks]
            threads = [threading.Thread(target=self.flow, args=(flow, role, seconds))
                       for flow in flows]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            drops = self.device_drops()
            # The resets of the clients arrive: nobody goes on sending into the next run.
            time.sleep(0.3)
        finally:
            counts = parse_counts(link.end())
            if tuntcp:
                tuntcp.end()
        counts["device_drops"] = drops
        for problem in [flow.failure for flow in flows if flow.failure] + self.kernel.failures:
            raise RuntimeError(str(problem))
        return flows, counts

    def flow(self, flow, role, seconds):
        try:
            with Inside(self.client):
                sock = socket.socket()
            use_cubic(sock)
            sock.settimeout(PATIENCE)
            sock.connect((ADDRESSES[flow.stack], CHARGEN if role == "sender" else DISCARD))
            must_use_cubic(sock)
            (receive if role == "sender" else send)(sock, flow, seconds)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        except (OSError, RuntimeError) as error:
            flow.failure = f"{flow.stack}: {error}"


def receive(sock, flow, seconds):
    room = bytearray(1 << 20)
    begin = time.monotonic()
    octets = 0
    while (left := begin + seconds - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            size = sock.recv_into(room)
        except TimeoutError:
            break
        if size == 0:
            raise RuntimeError("the server ended the stream")
        octets += size
        note(flow, time.monotonic() - begin, octets)
    flow.mbit = octets * 8 / seconds / 1e6


def send(sock, flow, seconds):
    text = bytes(range(32, 127)) * 2760
    begin = time.monotonic()
    octets = 0
    while (left := begin + seconds - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            octets += sock.send(text)
        except TimeoutError:
            break
    # What the peer has acknowledged.
    flow.mbit = (octets - outstanding(sock)) * 8 / seconds / 1e6


def note(flow, second, octets):
    """About ten marks a second."""
    if not flow.marks or second - flow.marks[-1][0] > 0.1:
        flow.marks.append((second, octets))


def outstanding(sock):
    """Octets in the socket's send queue that are not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, b"\0" * 4))[0]


def parse_counts(text):
    """What `tuntcp link` prints at its end: {"ab": {"offered": 1, ...}, "ba": ...}."""
    counts = {"ab": {}, "ba": {}}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] in counts and words[2].isdigit():
            counts[words[0]][words[1]] = int(words[2])
    if not counts["ab"] or not counts["ba"]:
        raise RuntimeError(f"tuntcp link printed no counts: {text!r}")
    return counts
