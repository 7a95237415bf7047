"""`tuntcp link` between two kernels, each in a namespace of its own: what it asks of packets, in real
time and on real devices. What its model does to packets, tests/sim and tests/link show."""

import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

from network import Namespace
from stack import FAMILIES, IPV4, MIB, PATIENCE, PROGRAM, Case, each_family, kernel_socket, \
    receive, receive_to_end, run

# The kernels' addresses: a has Family.host, b Family.stack.
SO_RCVBUFFORCE = 33


class Path:
    """Two namespaces, a and b, and a running `tuntcp link` between them."""

    def __init__(self, *options):
        self.a, self.b = Namespace(), Namespace()
        command = [PROGRAM, "link", "--a", f"@{self.a.path}", "--b", f"@{self.b.path}", *options]
        for family in FAMILIES:
            command += ["--a-address", f"{family.host}/{family.prefix}",
                        "--b-address", f"{family.stack}/{family.prefix}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.read = b""
        line = self.line()
        if not line.endswith(" ready\n"):
            self.process.kill()
            raise AssertionError(f"{line!r} {self.process.communicate()[1]}")

    def line(self):
        while b"\n" not in self.read:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not piece:
                break
            self.read += piece
        line, end, self.read = self.read.partition(b"\n")
        return (line + end).decode()

    def say(self, line):
        """A line on its standard input; the first line of the answer."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.line().strip()

    def counts(self):
        """{"ab": {"offered": 1, ...}, "ba": ...} as of now."""
        lines = [self.say("counts")]
        while lines[-1] != "end of counts":
            lines.append(self.line().strip())
        return self.parse(lines)

    @staticmethod
    def parse(lines):
        counts = {"ab": {}, "ba": {}}
        for line in lines:
            words = line.split(maxsplit=2)
            if len(words) == 3 and words[0] in counts:
                counts[words[0]][words[1]] = int(words[2]) if words[2].isdigit() else words[2]
        return counts

    def end(self):
        """Status, what it printed, what it complained of."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), errors.decode()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        status, _, errors = self.end()
        self.a.close()
        self.b.close()
        if kind is None and (status != 0 or errors):
            raise AssertionError(f"tuntcp link ended with status {status}: {errors}")


def connected(path, family):
    """Two kernel sockets: of a, of b."""
    with path.b.entered():
        listener = kernel_socket(family)
        listener.bind((family.stack, 0))
        listener.listen(1)
    with path.a.entered():
        sock = kernel_socket(family)
    sock.connect((family.stack, listener.getsockname()[1]))
    other, _ = listener.accept()
    other.settimeout(PATIENCE)
    listener.close()
    return sock, other


def carry(sender, receiver, octets):
    """Sends octets and ends the stream; what the other end gets."""
    def send():
        sender.sendall(octets)
        sender.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    received = receive_to_end(receiver)
    thread.join()
    return received


def datagram_sockets(path):
    """Two UDP sockets, a's and b's, that know each other; b's room holds all that is sent."""
    pair = []
    for namespace, address in ((path.a, IPV4.host), (path.b, IPV4.stack)):
        with namespace.entered():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * MIB)
        sock.bind((address, 0))
        pair.append(sock)
    pair[0].connect(pair[1].getsockname())
    pair[1].connect(pair[0].getsockname())
    return pair


def received_now(sock, seconds=0.3):
    """How many datagrams there are, until none comes for so long."""
    count = 0
    sock.settimeout(seconds)
    try:
        while sock.recv(2048):
            count += 1
    except TimeoutError:
        pass
    return count


def round_trips(path, count=20):
    """Of pings from a, in ms."""
    out = path.a.run("ping", "-n", "-c", str(count), "-i", "0.02", "-W", "1", IPV4.stack,
                     status=None).stdout
    return [float(ms) for ms in re.findall(r"time=([\d.]+) ms", out)]


class BadPath(Case):
    @each_family
    def test_everything_wrong_and_all_octets_arrive(self, family):
        octets = os.urandom(2 * MIB)
        with Path("--delay", "2ms", "--jitter", "1ms", "--loss", "1%", "--burst", "0.5%:3",
                  "--reorder", "2%:4ms", "--duplicate", "2%", "--corrupt", "1%", "--rate",
                  "200mbit", "--queue", "100k") as path:
            sock, other = connected(path, family)
            self.assertEqual(hashlib.sha256(carry(sock, other, octets)).digest(),
                             hashlib.sha256(octets).digest())
            counts = path.counts()["ab"]
        for what in ("lost", "held_back", "duplicated", "corrupted"):
            self.assertGreater(counts[what], 0, what)
        self.assertGreaterEqual(counts["text_octets"] - counts["repeated_octets"], len(octets))

    def test_ping_takes_the_delay_both_ways(self):
        with Path("--ab-delay", "30ms", "--ba-delay", "10ms") as path:
            times = round_trips(path)
            self.assertEqual(len(times), 20)
            self.assertGreaterEqual(min(times), 40)
            self.assertLess(min(times), 45)

    def test_rate_is_kept(self):
        with Path("--rate", "20mbit", "--queue", "50k") as path:
            sock, other = connected(path, IPV4)
            begin = time.monotonic()
            carry(sock, other, bytes(5 * MIB))
            mbit = path.counts()["ab"]["arrived"] * 1500 * 8 / (time.monotonic() - begin) / 1e6
        self.assertLess(mbit, 20.5)
        self.assertGreater(mbit, 10)

    def test_super_packets_are_cut_into_right_wire_packets(self):
        """The kernel sends 64 KB at once; what comes out has the MTU, and good checksums: the
        receiving kernel verifies them, for nothing vouches for them."""
        for family in FAMILIES:
            with Path() as path:
                with path.b.entered():
                    # ETH_P_ALL, without the header of the link.
                    watch = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
                watch.bind(("link_b", 0))
                watch.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * MIB)
                watch.settimeout(0.3)
                octets = os.urandom(MIB)
                sock, other = connected(path, family)
                self.assertEqual(carry(sock, other, octets), octets)
                counts = path.counts()["ab"]
                incoming = []
                try:
                    while True:
                        packet, origin = watch.recvfrom(70000)
                        if origin[2] == 0:  # PACKET_HOST
                            incoming.append(packet)
                except TimeoutError:
                    pass
                watch.close()
                seen = path.b.counters()
            self.assertEqual(max(map(len, incoming)), 1500)
            self.assertGreater(counts["super_packets"], 0)
            self.assertGreater(counts["offered"], MIB // 1500)
            self.assertEqual(seen["TcpInErrs"], 0)
            if family is IPV4:
                # RFC 6864, 4.1: any value will do with DF; the kernel counts on, and so do we.
                numbers = [int.from_bytes(p[4:6], "big") for p in incoming if len(p) == 1500]
                steps = [(b - a) % 65536 for a, b in zip(numbers, numbers[1:])]
                self.assertGreater(steps.count(1), 0.9 * len(steps))

    def test_changes_while_it_runs(self):
        with Path("--delay", "1ms") as path:
            self.assertLess(min(round_trips(path)), 10)
            self.assertEqual(path.say("delay 20ms"), "ok")
            self.assertGreaterEqual(min(round_trips(path)), 40)
            self.assertEqual(path.say("ab-delay none  ba-delay 5ms"), "ok")
            self.assertLess(min(round_trips(path)), 15)
            self.assertEqual(path.say("loss 100%"), "ok")
            self.assertEqual(round_trips(path, 2), [])
            self.assertEqual(path.say("loss none"), "ok")
            self.assertEqual(len(round_trips(path)), 20)
            counts = path.counts()
            self.assertEqual(counts["ab"]["settings"], "delay 0ms")
            self.assertEqual(counts["ba"]["settings"], "delay 5ms")

    def test_wrong_lines_are_answered_and_change_nothing(self):
        with Path("--delay", "1ms") as path:
            for line, tells in (("delay", "expected"), ("delay 10", "'10' is no value for delay"),
                                ("speed 9", "'speed' is not a setting"), ("counts now", "'counts'"),
                                ("delay 5ms loss 2", "'2' is no value for loss")):
                self.assertRegex(path.say(line), "^error .*" + tells)
            self.assertEqual(path.counts()["ab"]["settings"], "delay 1ms")
            self.assertEqual(path.say("x" * 20_000), "error the line is too long")
            self.assertEqual(path.say("delay 2ms"), "ok")

    def test_one_direction_alone(self):
        with Path("--ba-loss", "100%") as path:
            a, b = datagram_sockets(path)
            for _ in range(50):
                a.send(b"there")
                b.send(b"back")
            self.assertEqual(received_now(b), 50)
            self.assertEqual(received_now(a), 0)

    def test_text_alone_is_lost_where_that_is_asked_for(self):
        """The handshake is bare: it succeeds at once where all text is lost."""
        with Path("--loss", "100%", "--victims", "text") as path:
            sock, other = connected(path, IPV4)
            sock.sendall(b"lost")
            other.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                other.recv(10)
            self.assertEqual(path.say("loss none"), "ok")
            other.settimeout(PATIENCE)
            self.assertEqual(receive(other, 4), b"lost")
            counts = path.counts()["ab"]
            self.assertGreaterEqual(counts["repeated_octets"], 4)

    def test_loss_lies_in_the_binomial_interval(self):
        """20,000 packets, one in twenty lost: 1,000 of them +- 79.4 in 99 of 100 runs, and this run
        has a seed that is one of them."""
        with Path("--ab-loss", "5%", "--seed", "7") as path:
            a, b = datagram_sockets(path)
            for i in range(20_000):
                a.send(b"x" * 100)
                if i % 100 == 0:
                    time.sleep(0.001)
            received = received_now(b)
            counts = path.counts()["ab"]
        self.assertEqual(counts["undelivered"] + counts["too_much"], 0)
        self.assertAlmostEqual(20_000 - received, 1_000, delta=79.4)

    def test_packets_are_in_time(self):
        """20,000 a second: of a hundred packets one may be later than 1 ms. A machine that is busy
        with other things gets three attempts."""
        late = []
        for _ in range(3):
            with Path("--delay", "10ms") as path:
                a, _ = datagram_sockets(path)
                begin = time.monotonic()
                for i in range(40_000):
                    while time.monotonic() < begin + i / 20_000:
                        pass
                    a.send(b"x" * 100)
                time.sleep(0.1)
                counts = path.counts()["ab"]
            self.assertGreater(counts["arrived"], 39_000)
            late.append(counts["late_us_p99"])
            if late[-1] < 1_000:
                return
        self.fail(f"99 of 100 packets were late by up to {late} us")

    def test_queue_bounds_what_is_held(self):
        """A megabyte into a link of 1 Mbit/s with a queue of 10 packets: the rest is dropped."""
        with Path("--rate", "1mbit", "--queue", "10p") as path:
            a, b = datagram_sockets(path)
            for _ in range(1000):
                a.send(b"x" * 972)  # 1,000 octets with both headers: 8 ms
            received = received_now(b)
            counts = path.counts()["ab"]
        self.assertLess(received, 100)
        self.assertGreaterEqual(received, 11)
        self.assertEqual(counts["queue_was_full"], counts["offered"] - counts["arrived"])

    def test_ends_with_its_counts_and_leaves_no_device(self):
        with Path("--delay", "3ms") as path:
            round_trips(path, 3)
            path.process.stdin.close()  # Nothing more to say: the path stays.
            path.process.stdin = None
            self.assertEqual(len(round_trips(path, 3)), 3)
            status, out, errors = path.end()
            self.assertEqual((status, errors), (0, ""))
            counts = Path.parse(out.splitlines())
            self.assertGreaterEqual(counts["ab"]["arrived"], 6)
            self.assertRegex(counts["ab"]["late_us"], r"^<50:\d+ .* more:\d+$")
            self.assertNotIn("link_a", path.a.run("ip", "link").stdout)

    def test_a_device_that_is_deleted_is_its_end(self):
        path = Path()
        path.b.run("ip", "link", "delete", "link_b")
        self.assertEqual(path.process.wait(PATIENCE), 1)
        _, _, errors = path.end()
        self.assertRegex(errors, "^tuntcp link: link_b is gone")

    def test_a_device_that_is_down_for_a_while(self):
        with Path() as path:
            self.assertEqual(len(round_trips(path, 3)), 3)
            path.b.run("ip", "link", "set", "link_b", "down")
            self.assertEqual(round_trips(path, 1), [])
            path.b.run("ip", "link", "set", "link_b", "up")
            self.assertEqual(len(round_trips(path, 3)), 3)

    def test_two_devices_of_one_namespace(self):
        """From a socket that is bound to one device to one that is bound to the other."""
        command = [PROGRAM, "link", "--a", "left", "--b", "right", "--delay", "1ms"]
        namespace = Namespace()
        with namespace.entered():
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       text=True)
            self.assertEqual(process.stdout.readline(), "tuntcp link: left right ready\n")
            with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as watch:
                watch.bind(("right", 0))
                watch.settimeout(PATIENCE)
                with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sender:
                    packet = bytes.fromhex("45000018000000004001") + bytes(14)
                    sender.sendto(packet, ("left", 0x0800))
                while (got := watch.recv(2048))[:10] != packet[:10]:
                    pass
                self.assertEqual(got, packet)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertIn("ab settings delay 1ms", out)
        namespace.close()


class BadPathCommandLine(Case):
    def told(self, *options, status, tells, prefix=()):
        result = run(*prefix, PROGRAM, "link", *options, status=status)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertRegex(result.stderr, f"^tuntcp link: .*({tells})")

    def ends(self, *options, status=2, tells):
        self.told("--a", "tun8", "--b", "tun9", *options, status=status, tells=tells)

    def test_ends(self):
        self.told(status=2, tells="--a")
        self.told("--a", "tun8", status=2, tells="--b")
        self.told("--a", "tun8@", "--b", "tun9", status=2, tells="--a.*'tun8@' is none of")
        self.told("--a", "tun8", "--b", "@", status=2, tells="--b.*'@' is none of")
        self.told("--a", "tun8", "--b", "tun8", status=2, tells="same device")
        self.told("--a", "tun8@no_such", "--b", "tun9", status=1,
                  tells="'no_such'.*No such file.*ip netns add")
        self.told("--a", "tun8@/dev/null", "--b", "tun9", status=1,
                  tells="/dev/null.*no network namespace")
        self.told("--a", "a-name-of-more-than-15", "--b", "tun9", status=1,
                  tells="longer than 15 octets")

    def test_settings(self):
        for name, value in (("delay", "10"), ("loss", "1"), ("ab-loss", "-1%"), ("rate", "fast"),
                            ("ba-queue", "0"), ("burst", "1%"), ("reorder", "x"),
                            ("duplicate", "200%"), ("corrupt", "1"), ("ecn", "x"),
                            ("victims", "acks"), ("mtu", "0"), ("jitter", "1")):
            self.ends(f"--{name}", value, tells=f"--{name}.*'{value}' is no value for {name}")
        self.ends("--seed", "x", tells="--seed")
        self.ends("--speed", "1", tells="--speed")
        self.ends("--device-mtu", "1", status=1, tells="MTU|mtu")
        self.ends("--a-address", "198.51.100.1", tells="--a-address")

    def test_no_permission(self):
        """An ordinary user has neither the devices nor the namespaces."""
        self.told("--a", "tun8", "--b", "tun9", status=1, tells="[Pp]ermi", prefix=(
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all",
            "--inh-caps=-all"))
