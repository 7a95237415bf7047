"""Many connections: one after the other, and all at once."""

import os
import resource
import selectors
import socket
import time

from stack import PATIENCE, StackCase, characters, connect, each_family, kernel_socket, \
    receive_to_end


class Connections(StackCase):
    def setUp(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], 4096), limit[1]))
        self.before = self.stack.counters()

    def counted(self, name):
        return self.stack.counters()[name] - self.before[name]

    def assert_nothing_went_wrong(self, connections):
        """The MIB tells the same story: each connection was accepted, and no octet was wrong."""
        self.assertEqual(self.counted("TcpPassiveOpens"), connections)
        for name in ("TcpActiveOpens", "TcpAttemptFails", "TcpEstabResets", "TcpInErrs",
                     "TcpInCsumErrors", "TcpOutRsts", "TcpExtListenOverflows",
                     "TcpExtListenDrops", "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnClose"):
            self.assertEqual(self.counted(name), 0, name)
        # At the least: SYN, ACK, data and FIN of each.
        self.assertGreaterEqual(self.counted("TcpInSegs"), 4 * connections)
        self.assertGreaterEqual(self.counted("TcpOutSegs"), 3 * connections)
        # A busy machine may let a timer fire early; the data must not need it.
        self.assertLess(self.counted("TcpRetransSegs"), connections / 50)
        self.assertEqual(self.stack.counters().get("TcpCurrEstab", 0), 0)

    @each_family
    def test_10000_one_after_the_other(self, family):
        count = 10_000
        address = (family.stack, 7)
        for i in range(count):
            octet = bytes([i % 256])
            with kernel_socket(family) as sock:
                sock.connect(address)
                sock.sendall(octet)
                self.assertEqual(sock.recv(2), octet)
        self.assert_only_time_wait()
        self.assert_nothing_went_wrong(count)

    @each_family
    def test_1000_at_once(self, family):
        count = 1_000
        selector = selectors.DefaultSelector()
        wanted = {}
        for _ in range(count):
            sock = kernel_socket(family)
            sock.setblocking(False)
            sock.connect_ex((family.stack, 7))
            wanted[sock] = os.urandom(1000)
            selector.register(sock, selectors.EVENT_WRITE)

        def wait_for_all(event, action):
            """Does the action with each socket once it is ready, until it says that it is done."""
            waiting = set(wanted)
            for sock in wanted:
                selector.modify(sock, event)
            end = time.monotonic() + PATIENCE
            while waiting:
                self.assertLess(time.monotonic(), end, f"{len(waiting)} of {count} not served")
                for key, _ in selector.select(1):
                    if action(key.fileobj):
                        waiting.discard(key.fileobj)
                        selector.unregister(key.fileobj)
            for sock in wanted:
                selector.register(sock, event)

        def is_connected(sock):
            self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
            return True

        got = {sock: b"" for sock in wanted}

        def is_answered(sock):
            got[sock] += sock.recv(4096)
            return len(got[sock]) >= len(wanted[sock])

        wait_for_all(selectors.EVENT_WRITE, is_connected)
        self.eventually(lambda: sum(c.state == "ESTAB" for c in self.stack.connections()) == count,
                        f"{count} connections are ESTAB")
        self.assertEqual(self.stack.counters()["TcpCurrEstab"], count)
        for sock, octets in wanted.items():
            self.assertEqual(sock.send(octets), len(octets))
        wait_for_all(selectors.EVENT_READ, is_answered)
        self.assertEqual(got, wanted)
        selector.close()
        for sock in wanted:
            sock.close()
        self.assert_only_time_wait()
        self.assert_nothing_went_wrong(count)

    @each_family
    def test_all_that_the_stack_closed_first_are_in_time_wait(self, family):
        count = 2_000
        ports = set()
        for _ in range(count):
            with connect(family, 80) as sock:
                ports.add(sock.getsockname()[1])
                sock.sendall(b"GET /bytes/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertTrue(receive_to_end(sock).endswith(characters(0, 3)))
        self.assert_only_time_wait()
        found = {c.peer_port for c in self.stack.connections() if c.local_port == 80}
        self.assertLessEqual(ports, found)
        self.assert_nothing_went_wrong(count)

    @each_family
    def test_listeners_are_all_that_is_left(self, family):
        with connect(family, 7) as sock:
            sock.sendall(b"x")
            self.assertEqual(sock.recv(1), b"x")
        self.assert_only_time_wait()
        listening = [c.local_port for c in self.stack.connections("-l")]
        self.assertEqual(sorted(listening), [7, 9, 19, 80])
