"""A link on the way is narrower than the device: what the kernel's router then says is believed
(RFC 1191, RFC 8201), and every octet arrives."""

import hashlib
import os
import re
import socket
import struct
import subprocess
import threading
from dataclasses import dataclass

from network import FAR, Network
from stack import IPV4, IPV6, MIB, PATIENCE, Case, Family, characters, each, each_family, \
    put_bytes, receive, receive_bytes, receive_to_end, request_bytes, sha256_of_characters


@dataclass(frozen=True)
class Path:
    family: Family
    mtu: int
    offload: str = "full"

    @property
    def name(self):
        return f"{self.family.name}_{self.mtu}_{self.offload}"

    @property
    def mss(self):
        """The MTU less both headers (RFC 9293, 3.7.1) and the timestamps."""
        return self.mtu - self.family.ip_header - 20 - 12


# With offload "full" what is too big is a super-packet, and the router quotes it.
PATHS = (Path(IPV4, 600), Path(IPV4, 1280), Path(IPV4, 1280, "none"), Path(IPV4, 1400),
         Path(IPV6, 1280), Path(IPV6, 1280, "none"), Path(IPV6, 1400))


def received_mss(sock):
    """How long the segments are that the kernel's socket gets: tcpi_rcv_mss."""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 24), 20)[0]


def too_bigs_sent(router, family):
    counters = router.counters()
    return counters["IcmpOutDestUnreachs" if family is IPV4 else "Icmp6OutPktTooBigs"]


def fragments_made(router):
    counters = router.counters()
    return counters["IpFragCreates"] + counters["Ip6FragCreates"]


class PathMtu(Case):
    def assert_knows(self, stack, path):
        """All connections of the stack know the path."""
        found = re.findall(r" mss:(\d+) pmtu:(\d+) ", stack.ask("ss", "-i"))
        self.assertEqual(set(found), {(str(path.mss), str(path.mtu))})

    @each(*PATHS)
    def test_is_learned_by_a_server(self, path):
        with Network(path.mtu) as network, network.stack("--offload", path.offload) as stack:
            with network.connect(path.family, 80) as sock:
                request_bytes(sock, MIB)
                self.assertEqual(receive_bytes(sock, MIB), sha256_of_characters(MIB))
                ours, theirs = put_bytes(sock, MIB)
                self.assertEqual(theirs, ours)
                self.assert_knows(stack, path)
                self.assertEqual(received_mss(sock), path.mss)
            told = too_bigs_sent(network.near, path.family)
            self.assertGreaterEqual(told, 1)
            counters = stack.counters()
            self.assertEqual(counters["IcmpInDestUnreachs" if path.family is IPV4
                                      else "Icmp6InPktTooBigs"], told)
            self.assertEqual(counters["TcpExtOutOfWindowIcmps"], 0)
            # The next connection knows from the start, and nobody has to tell it.
            with network.connect(path.family, 80) as sock:
                request_bytes(sock, MIB)
                self.assertEqual(receive_bytes(sock, MIB), sha256_of_characters(MIB))
                self.assert_knows(stack, path)
            self.assertEqual(too_bigs_sent(network.near, path.family), told)
            self.assertEqual(fragments_made(network.near), 0)

    @each(*PATHS)
    def test_is_learned_by_a_client(self, path):
        octets = os.urandom(MIB)
        with Network(path.mtu) as network:
            listener, port = network.listen(path.family)
            process = network.client("nc", FAR[path.family], port, "--offload", path.offload,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            digests = []

            def serve():
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(PATIENCE)
                    digests.append(hashlib.sha256(receive_to_end(peer)).digest())
                    digests.append(received_mss(peer))
                    peer.sendall(digests[0])

            server = threading.Thread(target=serve)
            with listener:
                server.start()
                try:
                    output, errors = process.communicate(octets, timeout=PATIENCE)
                finally:
                    process.kill()
                    server.join()
            self.assertEqual((process.returncode, errors), (0, b""))
            self.assertEqual(digests, [hashlib.sha256(octets).digest(), path.mss])
            self.assertEqual(output, digests[0])
            self.assertGreaterEqual(too_bigs_sent(network.near, path.family), 1)
            self.assertEqual(fragments_made(network.near), 0)

    @each_family
    def test_shrinks_in_mid_transfer(self, family):
        path = Path(family, 1280)
        with Network() as network, network.stack() as stack:
            with network.connect(family, 19) as sock:
                octets = bytearray(receive(sock, MIB))
                self.assert_knows(stack, Path(family, 1500))
                network.set_mtu(path.mtu)
                # Until what was on its way has been read.
                for _ in range(64):
                    octets += receive(sock, MIB)
                    if too_bigs_sent(network.near, family):
                        break
                octets += receive(sock, MIB)
                self.assert_knows(stack, path)
                self.assertTrue(octets == characters(0, len(octets)))
            self.assertEqual(fragments_made(network.near), 0)

    def test_is_not_asked_for_if_the_knob_says_so(self):
        """ip_no_pmtu_disc: without DF the router cuts, and the far kernel puts together."""
        with Network(600) as network, \
                network.stack("--set", "net.ipv4.ip_no_pmtu_disc=2") as stack:
            with network.connect(IPV4, 80) as sock:
                request_bytes(sock, MIB)
                self.assertEqual(receive_bytes(sock, MIB), sha256_of_characters(MIB))
                self.assert_knows(stack, Path(IPV4, 1500))
            self.assertEqual(too_bigs_sent(network.near, IPV4), 0)
            self.assertGreater(fragments_made(network.near), MIB // 600 // 2)
            self.assertGreater(network.far.counters()["IpReasmOKs"], MIB // 1448 // 2)
