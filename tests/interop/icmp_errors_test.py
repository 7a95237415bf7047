"""Routers say that a destination cannot be reached: what a client is then told in the kernel's
words, and what an established connection makes of it (RFC 9293, 3.9.2.2; RFC 5461)."""

import contextlib
import errno
import os
import socket
import subprocess

from network import FAR, MIDDLE, NOBODY, Network
from stack import IPV4, IPV6, MIB, PATIENCE, Case, characters, each, each_family, \
    kernel_socket, receive

# Destinations behind both routers, each with a route of its kind.
ROUTES = {"unreachable": {IPV4: "203.0.113.241", IPV6: "2001:db8:3::1"},
          "prohibit": {IPV4: "203.0.113.242", IPV6: "2001:db8:3::2"},
          "blackhole": {IPV4: "203.0.113.243", IPV6: "2001:db8:3::3"},
          "no route": {IPV4: "203.0.113.244", IPV6: "2001:db8:3::4"}}


def unreachables_sent(router, family):
    return router.counters()["IcmpOutDestUnreachs" if family is IPV4 else "Icmp6OutDestUnreachs"]


class Open(Case):
    """The kernel's client on the far host and ours beside the near router go the same way, and are
    told the same."""

    def setUp(self):
        self.network = self.enterContext(Network())
        for kind in ("unreachable", "prohibit", "blackhole"):
            for router in (self.network.near, self.network.middle):
                for address in ROUTES[kind].values():
                    family = "-6" if ":" in address else "-4"
                    router.run("ip", family, "route", "add", kind, address)

    def answers_to(self, family, address, *options, setup=lambda sock: None):
        """The kernel's errno, and what ours says; both at once."""
        process = self.network.client("nc", address, "7", *options, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL)
        try:
            with self.network.far.entered():
                sock = kernel_socket(family)
            with sock:
                setup(sock)
                kernels = sock.connect_ex((address, 7))
            _, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(process.returncode, 1)
        return kernels, errors.decode()

    def assert_told(self, answers, *expected):
        """Ours says what the kernel's errno means, one of those that are expected."""
        kernels, ours = answers
        self.assertIn(errno.errorcode.get(kernels), expected)
        self.assertEqual(ours, f"tuntcp nc: {os.strerror(kernels)}\n")

    @each_family
    def test_to_what_is_unreachable(self, family):
        # ICMPv6 has no other word for it than "no route".
        self.assert_told(self.answers_to(family, ROUTES["unreachable"][family]),
                         "EHOSTUNREACH" if family is IPV4 else "ENETUNREACH")

    @each_family
    def test_to_what_is_prohibited(self, family):
        self.assert_told(self.answers_to(family, ROUTES["prohibit"][family]),
                         "EHOSTUNREACH" if family is IPV4 else "EACCES")

    @each_family
    def test_to_where_no_route_leads(self, family):
        self.assert_told(self.answers_to(family, ROUTES["no route"][family]), "ENETUNREACH")

    @each_family
    def test_to_a_black_hole(self, family):
        knobs = {"ipv4.tcp_syn_retries": 1, "ipv4.tcp_syn_linear_timeouts": 0}
        options = []
        for name, value in knobs.items():
            self.network.far.set(name, value)
            options += ["--set", f"net.{name}={value}"]
        self.assert_told(self.answers_to(family, ROUTES["blackhole"][family], *options),
                         "ETIMEDOUT")

    @each_family
    def test_to_a_host_that_is_not_there(self, family):
        """The last router asks its neighbours in vain."""
        for router, device in ((self.network.near, "narrow0"), (self.network.middle, "narrow1")):
            ip = "ipv6" if family is IPV6 else "ipv4"
            router.set(f"{ip}.neigh.{device}.mcast_solicit", 1)
            router.set(f"{ip}.neigh.{device}.retrans_time_ms", 100)
        self.assert_told(self.answers_to(family, NOBODY[family]), "EHOSTUNREACH")

    @each_family
    def test_to_a_port_where_nobody_listens(self, family):
        self.assert_told(self.answers_to(family, MIDDLE[family]), "ECONNREFUSED")

    @each_family
    def test_over_more_hops_than_allowed(self, family):
        level, option = ((socket.IPPROTO_IP, socket.IP_TTL) if family is IPV4 else
                         (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS))
        answers = self.answers_to(family, NOBODY[family], "--set", "net.ipv4.ip_default_ttl=1",
                                  setup=lambda sock: sock.setsockopt(level, option, 1))
        self.assert_told(answers, "EHOSTUNREACH")


class Established(Case):
    @each("ipv4 unreachable", "ipv4 prohibit", "ipv6 unreachable", "ipv6 prohibit")
    def test_goes_on_when_the_route_is_back(self, what):
        family, kind = (IPV4 if "ipv4" in what else IPV6), what.split()[1]
        with Network() as network, network.stack() as stack:
            with network.connect(family, 19) as sock:
                octets = bytearray(receive(sock, MIB))
                words = ("ip", "-6" if family is IPV6 else "-4", "route")
                network.near.run(*words, "add", kind, FAR[family])
                told = "IcmpInDestUnreachs" if family is IPV4 else "Icmp6InDestUnreachs"
                # What is on its way has to be read, or the stack sends nothing.
                sock.settimeout(0.1)

                def is_told_twice():
                    with contextlib.suppress(TimeoutError):
                        octets.extend(sock.recv(MIB))
                    return stack.counters()[told] >= 2

                self.eventually(is_told_twice, "the stack is told, and sends again")
                sock.settimeout(PATIENCE)
                self.assertEqual([c.state for c in stack.connections()], ["ESTAB"])
                network.near.run(*words, "del", kind, FAR[family])
                octets += receive(sock, 16 * MIB)
                self.assertTrue(octets == characters(0, len(octets)))
            self.assertEqual(stack.counters()["TcpExtOutOfWindowIcmps"], 0)


class SoftErrors(Case):
    @each_family
    def test_do_not_end_an_open_if_the_knob_says_so(self, family):
        """RFC 9293, 3.9.2.2 (MUST-56): the SYN is sent again, until there is a way."""
        with Network() as network:
            words = ("ip", "-6" if family is IPV6 else "-4", "route")
            network.near.run(*words, "add", "unreachable", FAR[family])
            listener, port = network.listen(family)
            process = network.client("nc", FAR[family], port, "--set",
                                     "net.tuntcp.tcp_soft_errors_end_open=0",
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            try:
                self.eventually(lambda: unreachables_sent(network.near, family),
                                "the router says that there is no way")
                network.near.run(*words, "del", "unreachable", FAR[family])
                with listener, listener.accept()[0] as peer:
                    peer.sendall(b"at last")
                output, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                process.wait()
            self.assertEqual((process.returncode, output, errors), (0, b"at last", b""))
