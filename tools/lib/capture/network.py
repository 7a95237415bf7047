"""Kernels in network namespaces of their own, TUN devices between them, and tcpdump beside one.

A Pair is two kernels; what one sends reaches the other through this program, which may delay or drop
it (there is no netem everywhere). With a Peer the other end is written by hand instead."""

import ctypes
import fcntl
import heapq
import itertools
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from . import segment

CLIENT = {4: "198.51.100.1", 6: "2001:db8::1"}
SERVER = {4: "198.51.100.2", 6: "2001:db8::2"}
LENGTH = {4: 24, 6: 64}
PATIENCE = 20.0
# Of ICMPv6 the errors and echoes; not what a device says when it comes up.
FILTER = "tcp or icmp or (icmp6 and (ip6[40] < 5 or ip6[40] = 128 or ip6[40] = 129))"

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class Namespace:
    """`with namespace:` what is opened inside belongs to it."""

    left = []  # those that were not closed

    def __init__(self):
        self.name = f"tuntcpfix-{os.getpid()}-{next(_numbers)}"
        run("ip", "netns", "add", self.name)
        self._fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.left.append(self)

    def close(self):
        self.left.remove(self)
        os.close(self._fd)
        os.close(self._home)
        run("ip", "netns", "del", self.name)

    def __enter__(self):
        self._set(self._fd)
        return self

    def __exit__(self, *_):
        self._set(self._home)

    @staticmethod
    def _set(fd):
        if _libc.setns(fd, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def run(self, *command):
        run("ip", "netns", "exec", self.name, *command)


class Kernel:
    """One end whose TCP is the kernel's. `knobs` are sysctls of its namespace."""

    def __init__(self, version, own, other, knobs):
        self.version, self.own, self.other = version, own, other
        self.namespace = Namespace()
        self.family = socket.AF_INET6 if version == 6 else socket.AF_INET
        for key, value in {"net.ipv6.conf.all.router_solicitations": 0,
                           "net.ipv6.conf.default.addr_gen_mode": 1, **knobs}.items():
            self.namespace.run("sysctl", "-qw", f"{key}={value}")
        self.device = None
        self._sockets = []

    def open_tun(self, mtu):
        with self.namespace:  # IFF_TUN | IFF_NO_PI
            tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
        self.set_up("tun0", mtu)
        return tun

    def set_up(self, device, mtu):
        self.device = device
        nodad = ["nodad"] if self.version == 6 else []
        ip = [f"-{self.version}"]
        self.namespace.run("ip", *ip, "address", "add", f"{self.own}/{LENGTH[self.version]}", "dev",
                           device, *nodad)
        self.namespace.run("ip", "link", "set", device, "mtu", str(mtu), "up")
        # Reno is what every TCP has; a kernel's default may be anything.
        self.namespace.run("ip", *ip, "route", "replace", f"{self.other}", "dev", device, "congctl",
                           "reno")

    def socket(self, *options):
        """A TCP socket; `options` are (level, name, value)."""
        with self.namespace:
            made = socket.socket(self.family, socket.SOCK_STREAM)
        made.settimeout(PATIENCE)
        for option in options:
            made.setsockopt(*option)
        self._sockets.append(made)
        return made

    def listen(self, port=80, options=(), backlog=8):
        listener = self.socket((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), *options)
        listener.bind((self.own, port))
        listener.listen(backlog)
        return listener

    def start_connect(self, port=80, own_port=40000, options=()):
        made = self.socket((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1), *options)
        made.bind((self.own, own_port))
        made.setblocking(False)
        try:
            made.connect((self.other, port))
        except BlockingIOError:
            pass
        made.settimeout(PATIENCE)
        return made

    def finish_connect(self, made):
        """Waits until it is connected; raises what connect() would have."""
        select.select([], [made], [], PATIENCE)
        error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        congestion = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        if congestion.rstrip(b"\0") != b"reno":
            raise RuntimeError(f"congestion control is {congestion}")
        return made

    def close(self):
        for made in self._sockets:
            made.close()
        self.namespace.close()


class Tcpdump:
    def __init__(self, kernel, path):
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", kernel.namespace.name, "tcpdump", "-i", kernel.device, "-n",
             # Each packet takes the whole of this in the ring: with 262144 eight fit.
             "-s", "2048", "-B", "8192", "-U", "--immediate-mode", "-Z", "root", "-w", path, FILTER],
            stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "listening on" in line:
                return
        raise RuntimeError("tcpdump does not start")

    def close(self):
        time.sleep(0.2)
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate(timeout=PATIENCE)[1]
        if "0 packets dropped by kernel" not in said:
            raise RuntimeError(f"tcpdump missed packets: {said}")


class Wire(threading.Thread):
    """Carries packets between two TUN devices. `treat(from_client, segment, nth)` may say "drop", or a
    number of seconds that the packet is held back for; nth counts that end's packets from 1."""

    def __init__(self, client_tun, server_tun, delay, treat):
        super().__init__(daemon=True)
        self._tuns = {client_tun: server_tun, server_tun: client_tun}
        self._client_tun, self._delay, self._treat = client_tun, delay, treat
        self._stop_read, self._stop_write = os.pipe()
        self._waiting = []  # (when, order, tun, packet)
        self._counts = {client_tun: 0, server_tun: 0}
        self._order = itertools.count()

    def run(self):
        while True:
            timeout = max(0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            readable, _, _ = select.select([*self._tuns, self._stop_read], [], [], timeout)
            if self._stop_read in readable:
                return
            for tun in readable:
                self._take(tun)
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, tun, packet = heapq.heappop(self._waiting)
                os.write(tun, packet)

    def _take(self, tun):
        packet = os.read(tun, 65536)
        parsed = segment.parse(packet)
        extra = 0
        if parsed:
            self._counts[tun] += 1
            extra = self._treat(tun == self._client_tun, parsed, self._counts[tun]) or 0
        if extra == "drop":
            return
        when = time.monotonic() + self._delay + extra
        heapq.heappush(self._waiting, (when, next(self._order), self._tuns[tun], packet))

    def close(self):
        os.write(self._stop_write, b".")
        self.join()
        for fd in (*self._tuns, self._stop_read, self._stop_write):
            os.close(fd)


class Pair:
    """Two kernels; `capture` says beside which of them tcpdump listens. With nothing to be done to
    their packets they are joined by a veth, and a capture shows both as they were."""

    def __init__(self, path, capture="client", version=4, mtu=1500, delay=0.0, treat=None,
                 client_knobs=None, server_knobs=None):
        self.client = Kernel(version, CLIENT[version], SERVER[version], client_knobs or {})
        self.server = Kernel(version, SERVER[version], CLIENT[version], server_knobs or {})
        self._wire = None
        self.listener = None
        if not delay and treat is None:
            self._join_by_veth(mtu)
        else:
            self._wire = Wire(self.client.open_tun(mtu), self.server.open_tun(mtu), delay,
                              treat or (lambda *_: None))
            self._wire.start()
        self._tcpdump = Tcpdump(self.client if capture == "client" else self.server, path)

    def _join_by_veth(self, mtu):
        client, server = self.client.namespace, self.server.namespace
        client.run("ip", "link", "add", "veth0", "address", "02:00:00:00:00:01", "type", "veth",
                   "peer", "name", "veth0", "address", "02:00:00:00:00:02", "netns", server.name)
        for kernel in (self.client, self.server):
            # What is captured is what a wire would carry.
            kernel.namespace.run("ethtool", "-K", "veth0", "tso", "off", "gso", "off", "gro", "off",
                                 "tx", "off", "rx", "off")
            kernel.set_up("veth0", mtu)
        self.client.namespace.run("ping", "-qc1", "-W2", self.server.own)

    def connect(self, port=80, client_options=(), server_options=()):
        """A connection: (the client's socket, the server's)."""
        if self.listener is None:
            self.listener = self.server.listen(port, server_options)
        made = self.client.finish_connect(self.client.start_connect(port, options=client_options))
        accepted, _ = self.listener.accept()
        accepted.settimeout(PATIENCE)
        return made, accepted

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tcpdump.close()
        if self._wire:
            self._wire.close()
        self.client.close()
        self.server.close()


class Peer:
    """One kernel, and a peer that is written by hand: `role` is the kernel's."""

    def __init__(self, path, role, version=4, mtu=1500, knobs=None):
        is_client = role == "client"
        own, other = (CLIENT, SERVER) if is_client else (SERVER, CLIENT)
        self.own, self.other = other[version], own[version]  # of the peer
        self.kernel = Kernel(version, own[version], other[version], knobs or {})
        self.tun = self.kernel.open_tun(mtu)
        self.ports = (80, 40000) if is_client else (40000, 80)
        self.seq = self.irs = 0x30000000  # next to be sent
        self.ack = 0  # next expected of the kernel
        self.clock = None  # TSval, if timestamps are agreed
        self.echo = 0
        self._tcpdump = Tcpdump(self.kernel, path)

    def send(self, flags=segment.ACK, text=b"", seq=None, ack=None, window=64240, options=None,
             advance=True, urgent=0, tsval=None):
        at = self.seq if seq is None else seq
        if options is None:
            options = b""
            if self.clock is not None:
                value = self.clock + int(time.monotonic() * 1000) if tsval is None else tsval
                options = segment.timestamps(value, self.echo)
        sent = segment.Segment(flags, at, self.ack if ack is None else ack, text, window, options,
                               urgent, 0, *self.ports)
        if not flags & segment.ACK:
            sent.ack = 0
        os.write(self.tun, sent.packet(self.own, self.other))
        if advance and seq is None:
            self.seq = sent.end
        return sent

    def write(self, packet):
        os.write(self.tun, packet)

    def receive(self, timeout=PATIENCE):
        """The kernel's next segment, or None."""
        end = time.monotonic() + timeout
        while True:
            ready, _, _ = select.select([self.tun], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            got = segment.parse(os.read(self.tun, 65536))
            if got is None:
                continue
            if got.tsval:
                self.echo = got.tsval
            if got.flags & segment.SYN:
                self.ack = got.end
            elif got.seq == self.ack:
                self.ack = got.end
            return got

    def expect(self, flags, timeout=PATIENCE):
        """The kernel's next segment with all these flags."""
        while True:
            got = self.receive(timeout)
            if got is None:
                raise RuntimeError("the kernel is silent")
            if got.flags & flags == flags:
                return got

    def drain(self, quiet=0.1):
        """All that the kernel sends until it is silent for so long."""
        found = []
        while (got := self.receive(quiet)) is not None:
            found.append(got)
        return found

    def open(self, options=segment.mss(1460), window=64240, clock=None):
        """A handshake. Returns the kernel's socket."""
        def block():
            echo = segment.timestamps(clock + int(time.monotonic() * 1000), self.echo)
            return options + (echo if clock is not None else b"")

        if self.ports[0] == 80:  # the kernel is the client
            made = self.kernel.start_connect()
            self.expect(segment.SYN)
            self.send(segment.SYN | segment.ACK, options=block() if clock is not None else options,
                      window=window)
            self.clock = clock
            self.expect(segment.ACK)
            return self.kernel.finish_connect(made)
        self.listener = self.kernel.listen()
        self.send(segment.SYN, options=block() if clock is not None else options, window=window)
        self.expect(segment.SYN | segment.ACK)
        self.clock = clock
        self.send(window=window)
        made, _ = self.listener.accept()
        made.settimeout(PATIENCE)
        return made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._tcpdump.close()
        os.close(self.tun)
        self.kernel.close()
