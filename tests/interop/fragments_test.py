"""Packets arrive in pieces: cut by the kernel where it is a router or the sender (RFC 791,
RFC 8200, 4.5), or by hand where the kernel would not do such a thing."""

import os
import socket
import struct

from network import FAR, MIDDLE, Network
from stack import FAMILIES, IPV4, IPV6, MIB, PATIENCE, Case, each, each_family, listen, \
    put_bytes

IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0
SO_MARK = 36
SYN, RST, PSH, ACK = 2, 4, 8, 16


def reassembled(counters, family):
    """Fragments that came, packets that they made, and failures to do so."""
    ip = "Ip" if family is IPV4 else "Ip6"
    return tuple(counters[ip + name] for name in ("ReasmReqds", "ReasmOKs", "ReasmFails"))


def internet_checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class HandMade:
    """A connection of the far host to port 7 of the stack or another, its segments made here and
    sent through raw sockets. The far kernel, which knows nothing of it, would reset it: only what
    has a mark finds a route."""

    PORT = 40000

    def __init__(self, network, family, host=None):
        self.family = family
        self.host = host or family.stack
        self.source, self.destination = (socket.inet_pton(family.af, address) for address in
                                         (FAR[family], self.host))
        network.far.run("ip", "-6" if family is IPV6 else "-4", "rule", "add", "fwmark", "0/1",
                        "to", self.host, "blackhole")
        with network.far.entered():
            self.whole = socket.socket(family.af, socket.SOCK_RAW, socket.IPPROTO_TCP)
            self.pieces = socket.socket(
                family.af, socket.SOCK_RAW,
                socket.IPPROTO_RAW if family is IPV4 else socket.IPPROTO_FRAGMENT)
        for sock in (self.whole, self.pieces):
            sock.setsockopt(socket.SOL_SOCKET, SO_MARK, 1)
            sock.connect((self.host, 0))
        if family is IPV4:
            self.whole.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        self.whole.settimeout(PATIENCE)
        self.sequence, self.acknowledged, self.identification = 1000, 0, 0

    def segment(self, flags, text=b""):
        """The next of the connection, checksum included."""
        header = struct.pack("!HHIIBBHHH", self.PORT, 7, self.sequence, self.acknowledged, 5 << 4,
                             flags, 65535, 0, 0)
        pseudo_header = self.source + self.destination + struct.pack(
            "!II", len(header) + len(text), socket.IPPROTO_TCP)
        checksum = internet_checksum(pseudo_header + header + text)
        return header[:16] + struct.pack("!H", checksum) + header[18:] + text

    def send_whole(self, segment):
        """As one packet, which the kernel cuts if it is too long."""
        self.whole.send(segment)

    def send_in_pieces(self, segment, cuts):
        """As fragments by hand; `cuts` are pairs of octets, begin and end."""
        self.identification += 1
        for begin, end in cuts:
            more = end < len(segment)
            piece = segment[begin:end]
            if self.family is IPV4:
                # The kernel fills in the length and the checksum.
                piece = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, self.identification,
                                    begin // 8 | more << 13, 64, socket.IPPROTO_TCP, 0,
                                    self.source, self.destination) + piece
            else:
                piece = struct.pack("!BBHI", socket.IPPROTO_TCP, 0, begin | more,
                                    self.identification) + piece
            self.pieces.send(piece)

    def receive(self):
        """The next segment for this connection: sequence number, flags, text."""
        while True:
            packet = self.whole.recv(65535)
            if self.family is IPV4:
                packet = packet[(packet[0] & 15) * 4:]
            source, destination, sequence = struct.unpack_from("!HHI", packet)
            if (source, destination) == (7, self.PORT):
                return sequence, packet[13], packet[(packet[12] >> 4) * 4:]

    def open(self, send):
        send(self.segment(SYN))
        sequence, flags, _ = self.receive()
        if flags & (SYN | ACK) != SYN | ACK:
            raise AssertionError(f"no SYN,ACK: flags {flags}")
        self.sequence += 1
        self.acknowledged = (sequence + 1) % 2**32
        send(self.segment(ACK))

    def send_text(self, text, send):
        """In one segment."""
        send(self.segment(PSH | ACK, text))
        self.sequence += len(text)

    def echo(self, text, send):
        """What comes back of it."""
        self.send_text(text, send)
        return self.receive_text(len(text))

    def receive_text(self, count):
        octets = b""
        while len(octets) < count:
            sequence, _, text = self.receive()
            if sequence == self.acknowledged:
                octets += text
                self.acknowledged = (sequence + len(text)) % 2**32
                self.send_whole(self.segment(ACK))
        return octets

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.send_whole(self.segment(RST | ACK))
        self.whole.close()
        self.pieces.close()


class FragmentsOfTheKernel(Case):
    @each(600, 1280)
    def test_of_a_router(self, mtu):
        """The far kernel sends without DF, and the middle one cuts."""
        def may_be_cut(sock):
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)

        with Network(mtu) as network, network.stack() as stack:
            with network.connect(IPV4, 80, may_be_cut) as sock:
                ours, theirs = put_bytes(sock, MIB)
                self.assertEqual(theirs, ours)
            # Most packets are full ones; how many, the kernel decides.
            self.assertGreater(network.middle.counters()["IpFragCreates"], MIB // mtu // 2)
            fragments, packets, _ = reassembled(stack.counters(), IPV4)
            self.assertGreater(packets, MIB // 1448 // 2)
            self.assertGreaterEqual(fragments, 2 * packets)

    @each_family
    def test_of_a_sender(self, family):
        """A segment of 8,000 octets, which the far kernel itself has to cut."""
        text = os.urandom(8000)
        with Network() as network, network.stack() as stack, \
                HandMade(network, family) as connection:
            connection.open(connection.send_whole)
            self.assertEqual(connection.echo(text, connection.send_whole), text)
            counters = network.far.counters()
            made = counters["IpFragCreates" if family is IPV4 else "Ip6FragCreates"]
            self.assertEqual(made, 6)
            self.assertEqual(reassembled(stack.counters(), family), (made, 1, 0))

    @each_family
    def test_of_an_echo_request(self, family):
        """The near kernel cuts for the device; the answer is as long, and fits the stack's MTU."""
        with Network() as network, network.stack() as stack:
            network.near.run("ip", "-6" if family is IPV6 else "-4", "route", "add", family.stack,
                             "dev", "tun0", "mtu", "1280")
            result = network.near.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "10", "-M",
                                      "dont", "-s", "1400", family.stack)
            self.assertIn("3 received, 0% packet loss", result.stdout)
            self.assertEqual(reassembled(stack.counters(), family), (6, 3, 0))


class FragmentsByHand(Case):
    # A segment of 3,020 octets, in which pieces, in which order.
    CUTS = {
        "in reverse order": ((2000, 3020), (1000, 2000), (0, 1000)),
        "twice": ((0, 1000), (0, 1000), (1000, 2000), (2000, 3020)),
        "again inside another": ((0, 1400), (800, 1200), (1400, 2400), (2400, 3020)),
        "with an end that comes again": ((1000, 2000), (2000, 3020), (2504, 3020), (0, 1000)),
        "overlapping": ((0, 1000), (992, 2000), (2000, 3020)),
        "overlapping by the end": ((2000, 3020), (1000, 2008), (0, 1000)),
        "of odd length": ((0, 1001), (1000, 2000), (2000, 3020)),
        "with a cut in the header": ((0, 16), (16, 1400), (1400, 2400), (2400, 3020)),
        "without a middle": ((0, 1000), (2000, 3020)),
    }

    @each(*CUTS)
    def test_are_put_together_as_the_kernel_does(self, name):
        """The same pieces go to the stack and to a kernel's TCP, which count the same: packets with
        overlaps, for one, are dropped (RFC 5722, 4). What made no segment is sent again."""
        cuts = self.CUTS[name]
        text = os.urandom(3000)
        for family in FAMILIES:
            with Network() as network, network.stack() as stack:
                with network.middle.entered():
                    listener = listen(family, 7)
                with listener, HandMade(network, family) as ours, \
                        HandMade(network, family, MIDDLE[family]) as kernels:
                    for connection in (ours, kernels):
                        connection.open(connection.send_whole)
                        connection.send_text(
                            text, lambda it, by=connection: by.send_in_pieces(it, cuts))

                    def counted():
                        return [reassembled(counters, family) for counters in
                                (stack.counters(), network.middle.counters())]
                    self.eventually(lambda: all(one[0] == len(cuts) for one in counted()),
                                    "all pieces came")
                    by_stack, by_kernel = counted()
                    self.assertEqual(by_stack, by_kernel, family.name)
                    if by_stack[1] == 0:
                        ours.sequence -= len(text)
                        ours.send_text(text, ours.send_whole)
                    self.assertTrue(ours.receive_text(len(text)) == text)

    def test_that_are_atomic_are_whole_packets(self):
        """RFC 6946: even while fragments with the same identification wait."""
        text = os.urandom(1000)
        with Network() as network, network.stack() as stack, \
                HandMade(network, IPV6) as connection:
            def send_atomic(segment):
                connection.identification = 7
                connection.send_in_pieces(segment, ((0, len(segment)),))

            connection.identification = 7
            connection.send_in_pieces(connection.segment(SYN, text), ((0, 512),))
            connection.open(send_atomic)
            self.assertEqual(connection.echo(text, send_atomic), text)
            self.assertEqual(reassembled(stack.counters(), IPV6)[2], 0)
