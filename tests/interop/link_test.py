"""What happens to the device below: other MTUs, fewer offloads, down and up, all while running."""

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

from stack import FAMILIES, MIB, Case, Stack, connect, each, each_family, put_bytes, \
    receive_bytes, request_bytes, run, sha256_of_characters, transfer_both_ways


def mss_for(mtu, family):
    """What a segment holds: the MTU less both headers (RFC 9293, 3.7.1) and the timestamps."""
    return mtu - family.ip_header - 20 - 12


def set_link(*words):
    run("ip", "link", "set", "tun0", *words)


def kernel_addresses():
    """The kernel's global addresses on the device."""
    links = json.loads(run("ip", "-json", "address", "show", "dev", "tun0").stdout)
    return {ipaddress.ip_address(address["local"]) for link in links
            for address in link["addr_info"] if address["scope"] == "global"}


class Mtu(Case):
    @each(1280, 1500, 9000)
    def test_is_kept_from_the_start(self, mtu):
        with Stack("--mtu", str(mtu)):
            self.assertIn(f" mtu {mtu} ", run("ip", "link", "show", "tun0").stdout)
            for family in FAMILIES:
                with connect(family, 7) as sock:
                    self.assertEqual(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG),
                                     mss_for(mtu, family))
                transfer_both_ways(self, family, 16 * MIB)

    @each((1500, 1280), (1280, 9000), (9000, 1500))
    def test_is_followed_while_running(self, change):
        """Transfers on the way go on; new connections use the new size."""
        before, after = change
        for family in FAMILIES:
            with Stack("--mtu", str(before)):
                with connect(family, 80) as sock:
                    request_bytes(sock, 64 * MIB)
                    digest = receive_bytes(sock, 64 * MIB, lambda: set_link("mtu", str(after)))
                    self.assertEqual(digest, sha256_of_characters(64 * MIB))
                    set_link("mtu", str(before))
                    ours, theirs = put_bytes(sock, 64 * MIB, lambda: set_link("mtu", str(after)))
                    self.assertEqual(theirs, ours)
                with connect(family, 7) as sock:
                    self.assertEqual(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG),
                                     mss_for(after, family))
                transfer_both_ways(self, family, 4 * MIB)


class Offload(Case):
    @each("none", "csum", "full")
    def test_every_level_carries_data(self, level):
        with Stack("--offload", level):
            for family in FAMILIES:
                transfer_both_ways(self, family, 32 * MIB)

    @each_family
    def test_may_be_switched_off_while_running(self, family):
        """The kernel then cuts what it sends itself; what it receives is still a super-packet."""
        with Stack():
            transfer_both_ways(self, family, 64 * MIB, lambda: run(
                "ethtool", "-K", "tun0", "tso", "off", "gso", "off", "tx", "off"))
            features = run("ethtool", "-k", "tun0").stdout
            self.assertIn("tcp-segmentation-offload: off", features)
            transfer_both_ways(self, family, 16 * MIB)


class DownAndUp(Case):
    def interrupt(self):
        """Down, long enough for both ends to miss segments, and up."""
        before = kernel_addresses()
        self.assertEqual(before, {ipaddress.ip_address(family.host) for family in FAMILIES})
        set_link("down")
        run("sleep", "0.5")
        set_link("up")
        # The kernel takes IPv6 addresses away from a device that goes down.
        self.eventually(lambda: kernel_addresses() == before, "the addresses are back", 10)

    @each_family
    def test_transfer_from_the_stack_goes_on(self, family):
        count = 128 * MIB
        with Stack(), connect(family, 80) as sock:
            request_bytes(sock, count)
            self.assertEqual(receive_bytes(sock, count, self.interrupt),
                             sha256_of_characters(count))

    @each_family
    def test_transfer_to_the_stack_goes_on(self, family):
        with Stack(), connect(family, 80) as sock:
            ours, theirs = put_bytes(sock, 128 * MIB, self.interrupt)
            self.assertEqual(theirs, ours)

    @each_family
    def test_new_connections_work_after_several_times(self, family):
        with Stack():
            for _ in range(3):
                self.interrupt()
                transfer_both_ways(self, family, MIB)


class PeerKilled(Case):
    PEER = textwrap.dedent("""
        import socket, sys
        sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
        if sys.argv[2] == "80":
            sock.sendall(b"PUT /sha256 HTTP/1.1\\r\\nHost: x\\r\\n"
                         b"Content-Length: 99999999999\\r\\n\\r\\n")
            print("started", flush=True)
            while True:
                sock.sendall(b"x" * 65536)
        print("started", flush=True)
        while True:
            sock.recv(65536)
        """)

    def kill_in_mid_stream(self, family, port):
        with Stack() as stack:
            peer = subprocess.Popen([sys.executable, "-c", self.PEER, family.stack, str(port)],
                                    stdout=subprocess.PIPE)
            try:
                peer.stdout.readline()
                self.eventually(lambda: stack.counters()["TcpInSegs"] > 200, "a transfer runs")
                self.assertEqual([c.state for c in stack.connections()], ["ESTAB"])
            finally:
                os.kill(peer.pid, signal.SIGKILL)
                peer.wait()
                peer.stdout.close()
            self.eventually(lambda: all(c.state == "TIME-WAIT" for c in stack.connections()),
                            "nothing is left of the connection")
            transfer_both_ways(self, family, MIB)

    @each_family
    def test_while_the_stack_sends(self, family):
        self.kill_in_mid_stream(family, 19)

    @each_family
    def test_while_the_stack_receives(self, family):
        self.kill_in_mid_stream(family, 80)
