"""TCP segments and ICMP messages written and read by hand, as octets of IP packets (RFC 9293, 3.1;
RFC 791; RFC 8200; RFC 792; RFC 4443). Nothing of the stack under test is used."""

import ipaddress
import struct
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
ICMP, TCP, ICMPV6 = 1, 6, 58


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source, destination, protocol, payload, hop_limit=64):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        header = struct.pack("!IHBB", 6 << 28, len(payload), protocol, hop_limit)
        return header + source.packed + destination.packed + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, hop_limit, protocol, 0)
    header += source.packed + destination.packed
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def pseudo_header(source, destination, protocol, octets):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        return source.packed + destination.packed + struct.pack("!II", octets, protocol)
    return source.packed + destination.packed + struct.pack("!HH", protocol, octets)


# ---- Options.


def mss(octets):
    return struct.pack("!BBH", 2, 4, octets)


def wscale(shift):
    return struct.pack("!BBBB", 1, 3, 3, shift)


def sack_permitted():
    return b"\1\1\4\2"


def timestamps(value, echo):
    return struct.pack("!BBBBII", 1, 1, 8, 10, value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def sack(*blocks):
    body = b"".join(struct.pack("!II", begin & 0xFFFFFFFF, end & 0xFFFFFFFF) for begin, end in blocks)
    return struct.pack("!BBBB", 1, 1, 5, 2 + len(body)) + body


@dataclass
class Segment:
    flags: int = ACK
    seq: int = 0
    ack: int = 0
    text: bytes = b""
    window: int = 64240
    options: bytes = b""
    urgent: int = 0
    tsval: int = 0  # of a segment that was read
    sport: int = 0
    dport: int = 0
    octets: bytes = field(default=b"", repr=False)  # the whole packet, of one that was read

    @property
    def end(self):
        return self.seq + len(self.text) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def packet(self, source, destination):
        header = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq & 0xFFFFFFFF,
                             self.ack & 0xFFFFFFFF, (20 + len(self.options)) // 4 << 4, self.flags,
                             self.window, 0, self.urgent) + self.options
        octets = header + self.text
        value = checksum(pseudo_header(source, destination, TCP, len(octets)) + octets)
        octets = octets[:16] + struct.pack("!H", value) + octets[18:]
        return ip_packet(source, destination, TCP, octets)


def parse(packet):
    """The segment in an IP packet without extension headers, or None."""
    if packet[0] >> 4 == 6:
        protocol, begin, end = packet[6], 40, 40 + struct.unpack("!H", packet[4:6])[0]
    else:
        protocol, begin = packet[9], (packet[0] & 15) * 4
        end = struct.unpack("!H", packet[2:4])[0]
    if protocol != TCP:
        return None
    tcp = packet[begin:end]
    sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack("!HHIIBBHHH", tcp[:20])
    text_at = (offset >> 4) * 4
    options = tcp[20:text_at]
    tsval, at = 0, 0
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        if options[at] == 8:
            tsval = struct.unpack("!I", options[at + 2:at + 6])[0]
        at += options[at + 1]
    return Segment(flags, seq, ack, tcp[text_at:], window, options, urgent, tsval, sport, dport,
                   packet)


def fragmentation_needed(packet, router, mtu):
    """The ICMP error of a router that cannot forward `packet` (RFC 1191; RFC 4443, 3.2)."""
    is_v6 = packet[0] >> 4 == 6
    source = str(ipaddress.ip_address(packet[8:24] if is_v6 else packet[12:16]))
    return icmp_error(packet, router, source, *((2, 0, mtu) if is_v6 else (3, 4, mtu)))


def icmp_error(packet, router, target, kind, code, rest=0):
    is_v6 = packet[0] >> 4 == 6
    quoted = packet[:48] if is_v6 else packet[:28]
    if is_v6:
        quoted = packet[:1232]
    protocol = ICMPV6 if is_v6 else ICMP
    message = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    covered = message
    if is_v6:
        covered = pseudo_header(router, target, protocol, len(message)) + message
    message = message[:2] + struct.pack("!H", checksum(covered)) + message[4:]
    return ip_packet(router, target, protocol, message)
