"""TIME-WAIT at the end that closes first, with a length that follows a knob while running."""

import time

from stack import StackCase, connect, each_family, receive_to_end

SECONDS = 2.0


class TimeWait(StackCase):
    def close_actively(self, sock):
        """The stack's web server closes first, and the kernel's socket then."""
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        receive_to_end(sock)

    @each_family
    def test_lasts_as_long_as_the_knob_says(self, family):
        name = "net.tuntcp.tcp_time_wait_ms"
        self.stack.ask("sysctl", f"{name}={SECONDS * 1000:.0f}")
        self.assertEqual(self.stack.ask("sysctl", name), f"{name} = 2000\n")
        with connect(family, 80) as sock:
            port = sock.getsockname()[1]
            self.close_actively(sock)
            before = time.monotonic()

        def entries():
            return [c for c in self.stack.connections() if c.peer_port == port]

        self.eventually(lambda: [c.state for c in entries()] == ["TIME-WAIT"], "TIME-WAIT", SECONDS)
        found = entries()
        self.assertRegex(found[0].timer, r"^timewait,(1\.\d{3}ms|\d{3}ms|[12]sec),0$")
        self.eventually(lambda: not entries(), "TIME-WAIT is over", 3 * SECONDS)
        lasted = time.monotonic() - before
        self.assertGreater(lasted, SECONDS - 0.3)

    @each_family
    def test_is_with_the_end_that_closes_first(self, family):
        with connect(family, 7) as sock:
            port = sock.getsockname()[1]
            sock.sendall(b"x")
            sock.recv(1)
        self.eventually(
            lambda: not [c for c in self.stack.connections() if c.peer_port == port],
            "the stack, which closed second, has forgotten the connection")

    @each_family
    def test_default_is_60_s_as_in_linux(self, family):
        self.stack.ask("sysctl", "net.tuntcp.tcp_time_wait_ms=60000")
        with connect(family, 80) as sock:
            port = sock.getsockname()[1]
            self.close_actively(sock)
        found = self.eventually(
            lambda: [c for c in self.stack.connections()
                     if c.peer_port == port and c.state == "TIME-WAIT"], "TIME-WAIT")
        self.assertRegex(found[0].timer, r"^timewait,(1min|5\dsec),0$")
