"""What the interop tests share: the stack under test at one end of a TUN device, the kernel's
sockets at the other. Everything happens in the network namespace that run.py made.

The kernel is the yardstick here: an expectation is either what the kernel's socket reports, or
octets that were made without the program under test.
"""

import ctypes
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass

PROGRAM = os.environ["TUNTCP_PROGRAM"]
# Longer and larger: the full 1 GiB on every path, windows that stay full for 30 s.
IS_LONG = os.environ.get("TUNTCP_LONG", "0") == "1"
# How long anything that must happen may take; generous, because machines are busy.
PATIENCE = 60.0
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Family:
    name: str
    af: int
    stack: str  # the address of the stack
    host: str  # the kernel's address on the device
    ip_header: int
    prefix: int

    def url(self, address, port, path):
        host = f"[{address}]" if self.af == socket.AF_INET6 else address
        return f"http://{host}:{port}{path}"


IPV4 = Family("ipv4", socket.AF_INET, "198.51.100.2", "198.51.100.1", 20, 24)
IPV6 = Family("ipv6", socket.AF_INET6, "2001:db8::2", "2001:db8::1", 40, 64)
FAMILIES = (IPV4, IPV6)


def addresses():
    """The options that give both ends an address of each family."""
    options = []
    for family in FAMILIES:
        options += ["--address", f"{family.stack}/{family.prefix}"]
        options += ["--host-address", f"{family.host}/{family.prefix}"]
    return options


def each(*values):
    """Makes one case of a test method for each value, which the method gets as its argument."""

    def mark(method):
        method.each_value = values
        return method

    return mark


each_family = each(*FAMILIES)


class Case(unittest.TestCase):
    """A test case that knows @each."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            for value in getattr(method, "each_value", ()):
                text = re.sub(r"\W+", "_", str(getattr(value, "name", value))).strip("_")
                setattr(cls, f"{name}_{text}",
                        lambda self, method=method, value=value: method(self, value))
            if hasattr(method, "each_value"):
                delattr(cls, name)

    def eventually(self, is_so, what, seconds=PATIENCE):
        """Waits until is_so() is true; what it returned is given back."""
        end = time.monotonic() + seconds
        while True:
            result = is_so()
            if result:
                return result
            if time.monotonic() > end:
                self.fail(f"not within {seconds} s: {what}")
            time.sleep(0.02)


class StackCase(Case):
    """A test case with a running stack of its own, self.stack, shared by its tests.

    After the last of them the stack must end as it should: status 0, no error told."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.stack.stop()

    def tearDown(self):
        if self.stack.process.poll() is not None:
            self.fail(f"the stack ended, status {self.stack.process.returncode}: "
                      f"{self.stack.errors()}")

    def assert_only_time_wait(self, seconds=PATIENCE):
        """Nothing is left of the connections but TIME-WAIT."""
        left = []

        def is_clean():
            left[:] = [c for c in self.stack.connections() if c.state != "TIME-WAIT"]
            return not left

        end = time.monotonic() + seconds
        while not is_clean():
            if time.monotonic() > end:
                self.fail(f"left behind after {seconds} s: {left[:5]} of {len(left)}")
            time.sleep(0.02)

    def connection_of(self, sock):
        """The stack's end of the kernel's socket, or None."""
        port = sock.getsockname()[1]
        return next((c for c in self.stack.connections() if c.peer_port == port), None)


@dataclass(frozen=True)
class Connection:
    state: str
    recv_q: int
    send_q: int
    local_port: int
    peer_port: int
    timer: str  # "timewait,1.500ms,0", or nothing


class Stack:
    """A running `tuntcp up`."""

    SERVICES = "echo:7,discard:9,chargen:19,http:80"

    def __init__(self, *options, tun="tun0"):
        self.tun = tun
        self.folder = tempfile.mkdtemp(prefix="tuntcp-interop-")
        self.control = os.path.join(self.folder, "control")
        self.errors_file = os.path.join(self.folder, "stderr")
        command = [PROGRAM, "up", "--tun", tun, *addresses(), "--serve", self.SERVICES,
                   "--control", self.control, *options]
        with open(self.errors_file, "wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=errors)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line.endswith(" ready\n"):
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no ready line: {line!r} {self.errors()}")
        self.ready_line = line

    def errors(self):
        with open(self.errors_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def ask(self, *arguments):
        """What `tuntcp ss`, `nstat` or `sysctl` answers."""
        return run(PROGRAM, arguments[0], "--control", self.control, *arguments[1:]).stdout

    def connections(self, *options):
        """The stack's connections; listeners only if asked for with "-a"."""
        found = []
        for line in self.ask("ss", *options).splitlines()[1:]:
            words = line.split()
            timer = re.search(r"timer:\(([^)]*)\)", line)
            local, peer = (words[i].rpartition(":")[2] for i in (3, 4))
            found.append(Connection(words[0], int(words[1]), int(words[2]), int(local),
                                    0 if peer == "*" else int(peer),
                                    timer.group(1) if timer else ""))
        return found

    def counters(self):
        return {name: int(value) for name, value in
                (line.split() for line in self.ask("nstat", "-z").splitlines())}

    def end(self, number=signal.SIGTERM):
        """Sends the signal; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the stack did not end: " + self.errors()) from None
        finally:
            self.process.stdout.close()

    def stop(self):
        """Ends the stack, which must go well, and removes its files."""
        status = self.end()
        errors = self.errors()
        shutil.rmtree(self.folder)
        if status != 0 or re.search(r" (error|critical) |runtime error|Sanitizer", errors):
            raise AssertionError(f"the stack ended with status {status}: {errors}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.folder)


def run(*command, status=0, timeout=PATIENCE, **options):
    """Runs a program to its end, which must have this exit status (None: any)."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=timeout, check=False,
                            **options)
    if status is not None and result.returncode != status:
        raise AssertionError(f"{' '.join(command)}: status {result.returncode}, not {status}: "
                             f"{result.stderr}{result.stdout[-500:]}")
    return result


def client(*arguments, tun="tun0", **options):
    """Starts `tuntcp get` or `tuntcp nc` with a stack of its own."""
    command = [PROGRAM, arguments[0], "--tun", tun, *addresses(), *arguments[1:]]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **options)


def device_exists(name):
    return name in (existing for _, existing in socket.if_nameindex())


def kernel_socket(family):
    """A TCP socket of the kernel. CUBIC: the default of the machine may pace by how busy it is."""
    sock = socket.socket(family.af, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"cubic"
    return sock


def connect(family, port, setup=None):
    sock = kernel_socket(family)
    if setup:
        setup(sock)
    try:
        sock.connect((family.stack, port))
    except OSError:
        sock.close()
        raise
    return sock


def listen(family, port=0):
    """The kernel listens, on all its addresses: the device may not be there yet."""
    sock = kernel_socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    sock.listen(16)
    return sock


def receive(sock, count):
    """Exactly so many octets."""
    octets = bytearray(count)
    view = memoryview(octets)
    got = 0
    while got < count:
        size = sock.recv_into(view[got:])
        if size == 0:
            raise AssertionError(f"the stream ended after {got} of {count} octets")
        got += size
    return bytes(octets)


def receive_to_end(sock):
    """Everything up to the peer's FIN."""
    pieces = []
    while piece := sock.recv(256 * 1024):
        pieces.append(piece)
    return b"".join(pieces)


def linger_0(sock):
    """Lets close() send RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27


def go_deaf(sock):
    """From now on the kernel's TCP sees none of the segments for this socket: a packet filter
    whose one instruction is "accept 0 octets" (BPF_RET | BPF_K)."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack("HxxxxxxP", 1, ctypes.addressof(program)))


def hear_again(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


# RFC 864: lines of 72 of the 95 printing characters, each line one character further on.
CHARACTERS = b"".join(bytes(ord(" ") + (line + column) % 95 for column in range(72)) + b"\r\n"
                      for line in range(95))


def characters(offset, count):
    """Octets offset .. offset + count of the character generator's stream."""
    start = offset % len(CHARACTERS)
    return (CHARACTERS * ((start + count) // len(CHARACTERS) + 1))[start:start + count]


def sha256_of_characters(count):
    digest = hashlib.sha256()
    block = CHARACTERS * 150
    whole, rest = divmod(count, len(block))
    for _ in range(whole):
        digest.update(block)
    digest.update(block[:rest])
    return digest.hexdigest()


def read_head(sock):
    """The head of an HTTP response: status, the fields, and what followed the head."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        piece = sock.recv(65536)
        if not piece:
            raise AssertionError(f"the stream ended in the response's head: {octets!r}")
        octets += piece
    head, _, rest = octets.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value.strip() for name, value in
              (line.split(":", 1) for line in lines[1:])}
    return int(lines[0].split()[1]), fields, rest


def request_bytes(sock, count):
    sock.sendall(f"GET /bytes/{count} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def receive_bytes(sock, count, midway=None):
    """Reads the answer to request_bytes(); its SHA-256. midway() is called after half of it."""
    status, fields, rest = read_head(sock)
    if status != 200 or fields["content-length"] != str(count):
        raise AssertionError(f"status {status} {fields}")
    digest = hashlib.sha256(rest)
    got = len(rest)
    buffer = memoryview(bytearray(MIB))
    while got < count:
        size = sock.recv_into(buffer)
        if size == 0:
            raise AssertionError(f"the stream ended after {got} of {count} octets")
        digest.update(buffer[:size])
        got += size
        if midway and got >= count // 2:
            midway()
            midway = None
    return digest.hexdigest()


def put_bytes(sock, count, midway=None):
    """PUTs random octets to /sha256; (our SHA-256, the stack's). midway() is called half-way."""
    sock.sendall(f"PUT /sha256 HTTP/1.1\r\nHost: x\r\nContent-Length: {count}\r\n\r\n".encode())
    # Its odd length moves it against every boundary of a power of 2.
    block = memoryview(os.urandom(MIB + 1))
    digest = hashlib.sha256()
    left = count
    while left:
        piece = block[:min(left, len(block))]
        sock.sendall(piece)
        digest.update(piece)
        left -= len(piece)
        if midway and left <= count // 2:
            midway()
            midway = None
    status, fields, rest = read_head(sock)
    rest += receive(sock, int(fields["content-length"]) - len(rest))
    return digest.hexdigest(), rest.decode().strip() if status == 200 else f"status {status}"


def transfer_both_ways(case, family, count, midway=None):
    """count octets from the stack and to it; both arrive whole."""
    with connect(family, 80) as sock:
        request_bytes(sock, count)
        case.assertEqual(receive_bytes(sock, count, midway), sha256_of_characters(count))
    with connect(family, 80) as sock:
        ours, theirs = put_bytes(sock, count, midway)
        case.assertEqual(theirs, ours)
