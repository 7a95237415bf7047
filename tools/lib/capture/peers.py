"""Captures of one kernel and a peer that is written by hand, for what two kernels would never do to
each other. Each function makes pcap-fixtures/<name>.pcap; its docstring is the provenance."""

import time

from . import segment
from .network import Peer
from .pairs import PAUSE, pattern, read
from .scenario import scenario
from .segment import ACK, CWR, ECE, FIN, PSH, RST, SYN


@scenario("handshake/syn-ack-unanswered")
def syn_ack_unanswered(path):
    """A SYN whose SYN,ACK is never acknowledged: retransmissions for 3.5 s."""
    with Peer(path, "server") as peer:
        peer.kernel.listen()
        peer.send(SYN, options=segment.mss(1460))
        peer.drain(3.5)


@scenario("handshake/syn-unanswered")
def syn_unanswered(path):
    """A SYN into a black hole for 9 s: an even pace first (tcp_syn_linear_timeouts), then backed off."""
    with Peer(path, "client") as peer:
        peer.kernel.start_connect()
        end = time.monotonic() + 9
        while time.monotonic() < end:
            peer.receive(end - time.monotonic())


@scenario("handshake/simultaneous-open")
def simultaneous_open(path):
    """The peer's SYN crosses the client's (RFC 9293, 3.5, Figure 7)."""
    with Peer(path, "client") as peer:
        peer.kernel.start_connect()
        peer.expect(SYN)
        peer.send(SYN, options=segment.mss(1460))
        peer.expect(SYN | ACK)
        time.sleep(PAUSE)
        peer.send(ACK)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(100))
        peer.drain()


@scenario("handshake/bad-ack")
def bad_ack(path):
    """SYN-RECEIVED is sent an ACK of what was never sent (RFC 9293, 3.10.7.4, fifth): a reset, and the
    right ACK still opens the connection."""
    with Peer(path, "server") as peer:
        listener = peer.kernel.listen()
        peer.send(SYN, options=segment.mss(1460))
        peer.expect(SYN | ACK)
        peer.send(ACK, ack=peer.ack + 1000)
        peer.expect(RST)
        peer.send(ACK)
        listener.accept()
        peer.send(ACK | PSH, pattern(10))
        peer.drain()


@scenario("handshake/ack-to-listen")
def ack_to_listen(path):
    """LISTEN is sent an ACK (RFC 9293, 3.10.7.2, second): a reset."""
    with Peer(path, "server") as peer:
        peer.kernel.listen()
        peer.send(ACK, ack=77)
        peer.expect(RST)
        time.sleep(PAUSE)


@scenario("close/simultaneous")
def simultaneous(path):
    """Both ends' FINs cross (RFC 9293, 3.6, Figure 13)."""
    with Peer(path, "server") as peer:
        made = peer.open()
        made.close()
        fin = peer.expect(FIN)
        peer.send(FIN | ACK, ack=fin.seq)
        peer.expect(ACK)
        peer.send(ACK)
        peer.drain()


@scenario("close/text-with-fin")
def text_with_fin(path):
    """The peer's only text brings its FIN along; the application reads at once and closes later."""
    with Peer(path, "server") as peer:
        made = peer.open()
        peer.send(FIN | ACK | PSH, pattern(100))
        read(made, 100)
        peer.drain()
        made.close()
        peer.expect(FIN)
        peer.send(ACK)
        peer.drain()


@scenario("close/text-after-close")
def text_after_close(path):
    """Text arrives after close(): a reset (RFC 9293, 3.6.1)."""
    with Peer(path, "server") as peer:
        made = peer.open()
        made.close()
        peer.expect(FIN)
        peer.send(ACK)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(100))
        peer.expect(RST)
        peer.drain()


@scenario("close/reset-in-window")
def reset_in_window(path):
    """A RST inside the window, not at its edge: a challenge ACK; then the exact one (RFC 5961, 3)."""
    with Peer(path, "server") as peer:
        peer.open()
        peer.send(RST, seq=peer.seq + 100)
        challenge = peer.expect(ACK)
        peer.send(RST, seq=challenge.ack)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(10))
        peer.expect(RST)
        peer.drain()


@scenario("close/syn-in-window")
def syn_in_window(path):
    """A SYN on an established connection: a challenge ACK (RFC 5961, 4)."""
    with Peer(path, "server") as peer:
        peer.open()
        peer.send(SYN, seq=peer.seq + 10, options=segment.mss(1460))
        peer.expect(ACK)
        peer.send(ACK | PSH, pattern(10))
        peer.drain()


def into_time_wait(peer):
    """The kernel closes first."""
    made = peer.open(options=segment.mss(1460))
    made.close()
    peer.expect(FIN)
    peer.send(FIN | ACK)
    peer.expect(ACK)
    time.sleep(PAUSE)


@scenario("time-wait/reset")
def time_wait_reset(path):
    """A RST ends TIME-WAIT (tcp_rfc1337 is 0): the ACK after it is reset."""
    with Peer(path, "server") as peer:
        into_time_wait(peer)
        peer.send(RST)
        time.sleep(PAUSE)
        peer.send(ACK)
        peer.expect(RST)
        peer.drain()


@scenario("time-wait/old-syn")
def old_syn(path):
    """A SYN with a lower sequence number, without timestamps, into TIME-WAIT: an ACK, and it stays."""
    with Peer(path, "server") as peer:
        into_time_wait(peer)
        peer.send(SYN, seq=peer.irs - 5000, options=segment.mss(1460))
        peer.expect(ACK)
        peer.drain()


@scenario("time-wait/new-syn")
def new_syn(path):
    """A SYN with a higher sequence number into TIME-WAIT: it opens the connection again."""
    with Peer(path, "server") as peer:
        into_time_wait(peer)
        peer.seq += 100_000
        peer.send(SYN, options=segment.mss(1460))
        peer.expect(SYN | ACK)
        peer.send(ACK)
        peer.send(ACK | PSH, pattern(10))
        peer.drain()


@scenario("loss/silence")
def silence(path):
    """The peer falls silent, no SACK: 500 octets are repeated for 7 s, backed off (RFC 6298, 5.5)."""
    with Peer(path, "server") as peer:
        made = peer.open()
        made.sendall(pattern(500))
        end = time.monotonic() + 7
        while time.monotonic() < end:
            peer.receive(end - time.monotonic())


@scenario("loss/old-text")
def old_text(path):
    """Text that was acknowledged comes again, and half old, half new."""
    with Peer(path, "server") as peer:
        made = peer.open(options=segment.mss(1460) + segment.sack_permitted())
        begin = peer.seq
        peer.send(ACK | PSH, pattern(1000))
        read(made, 1000)
        peer.expect(ACK)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(1000), seq=begin)
        peer.expect(ACK)
        peer.send(ACK | PSH, pattern(2000)[500:1500], seq=begin + 500)
        peer.drain()


@scenario("window/probes")
def probes(path):
    """The peer's window is closed from the start of the answer and opens after 3 s."""
    with Peer(path, "server") as peer:
        made = peer.open(window=0)
        made.sendall(pattern(1000))
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if peer.receive(end - time.monotonic()):
                peer.send(ACK, window=0)
        peer.send(ACK, window=5000)
        peer.expect(PSH)
        peer.send(ACK)
        peer.drain()


@scenario("window/silly")
def silly(path):
    """The peer offers 500 octets, less than a segment, to a sender with 3000 (RFC 9293, 3.8.6.2.1)."""
    with Peer(path, "server") as peer:
        made = peer.open(window=2000)
        made.sendall(pattern(3000))
        peer.expect(ACK)
        time.sleep(PAUSE)
        peer.drain(PAUSE)
        peer.send(ACK, window=500)
        peer.drain(0.5)
        peer.send(ACK, window=5000)
        peer.drain(PAUSE)
        peer.send(ACK, window=5000)
        peer.drain(PAUSE)


@scenario("window/shrunk")
def shrunk(path):
    """The peer takes back its window after 2 segments were sent into it (RFC 9293, 3.8.6)."""
    with Peer(path, "server") as peer:
        made = peer.open(window=3000)
        made.sendall(pattern(6000))
        first = peer.drain(PAUSE)[0]
        peer.send(ACK, ack=first.seq, window=500)
        peer.drain(1.0)
        peer.send(ACK, ack=first.seq + 2920, window=20000)
        peer.drain(PAUSE)
        peer.send(ACK, window=20000)
        peer.drain(PAUSE)


@scenario("options/paws")
def paws(path):
    """A segment with an old timestamp is dropped and acknowledged (RFC 7323, 5.3, R1)."""
    with Peer(path, "server") as peer:
        made = peer.open(options=segment.mss(1460), clock=1_000_000)
        peer.send(ACK | PSH, pattern(100))
        read(made, 100)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(100), advance=False, tsval=1)
        peer.expect(ACK)
        time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(100))
        peer.drain()


@scenario("options/no-mss")
def no_mss(path):
    """A SYN without options: segments of 536 octets (RFC 9293, 3.7.1, MUST-15)."""
    with Peer(path, "server") as peer:
        made = peer.open(options=b"")
        made.sendall(pattern(2000))
        time.sleep(PAUSE)
        peer.drain(PAUSE)
        peer.send(ACK)
        peer.drain()


@scenario("options/unknown-option")
def unknown_option(path):
    """A SYN with an option that nobody knows, between MSS and SACK-permitted (MUST-6)."""
    with Peer(path, "server") as peer:
        made = peer.open(options=segment.mss(1400) + b"\xc8\x04ab" + segment.sack_permitted())
        made.sendall(pattern(2000))
        time.sleep(PAUSE)
        peer.drain(PAUSE)
        peer.send(ACK)
        peer.drain()


@scenario("options/wscale-too-large")
def wscale_too_large(path):
    """A window scale of 15 is taken as 14 (RFC 7323, 2.3): a window field of 1 is 16384 octets."""
    with Peer(path, "server") as peer:
        made = peer.open(options=segment.mss(1460) + segment.wscale(15), window=1460)
        peer.send(ACK, window=1)
        made.sendall(pattern(20_000))
        time.sleep(PAUSE)
        peer.drain(PAUSE)
        peer.send(ACK, window=1)
        peer.drain(PAUSE)


@scenario("options/urgent")
def urgent(path):
    """Text with an urgent pointer is text (RFC 9293, 3.8.5); the kernel's application reads it inline."""
    with Peer(path, "server") as peer:
        made = peer.open()
        peer.send(ACK | PSH | segment.URG, pattern(100), urgent=50)
        made.recv(200)
        peer.drain()
        peer.send(ACK | PSH, pattern(100))
        peer.drain()


@scenario("options/ecn-syn")
def ecn_syn(path):
    """A SYN that offers ECN to a server that was told not to use it (tcp_ecn=0)."""
    with Peer(path, "server", knobs={"net.ipv4.tcp_ecn": 0}) as peer:
        peer.kernel.listen()
        peer.send(SYN | ECE | CWR, options=segment.mss(1460))
        peer.expect(SYN | ACK)
        peer.send(ACK)
        peer.send(ACK | PSH, pattern(10))
        peer.drain()


@scenario("icmp/fragmentation-needed")
def fragmentation_needed(path):
    """A router with an MTU of 1200 answers a full segment (RFC 1191)."""
    with Peer(path, "server") as peer:
        made = peer.open()
        made.sendall(pattern(2000))
        first = peer.expect(ACK)
        peer.drain(PAUSE)
        peer.write(segment.fragmentation_needed(first.octets, "203.0.113.1", 1200))
        peer.drain(PAUSE)
        peer.send(ACK, ack=first.seq + 2000)
        peer.drain()


@scenario("icmp/soft-error")
def soft_error(path):
    """Host unreachable about an established connection is a soft error (RFC 1122, 4.2.3.9): it goes on."""
    with Peer(path, "server") as peer:
        made = peer.open()
        made.sendall(pattern(500))
        first = peer.expect(PSH)
        peer.write(segment.icmp_error(first.octets, "203.0.113.1", peer.other, 3, 1))
        time.sleep(PAUSE)
        peer.send(ACK)
        peer.send(ACK | PSH, pattern(10))
        peer.drain()


@scenario("malformed/bad-checksums")
def bad_checksums(path):
    """Text with a wrong TCP checksum, then with a wrong IPv4 checksum, then right."""
    with Peer(path, "server") as peer:
        peer.open()
        for at in (20 + 16, 10):
            text = segment.Segment(ACK | PSH, peer.seq, peer.ack, pattern(100), 64240, b"", 0, 0,
                                   *peer.ports)
            octets = bytearray(text.packet(peer.own, peer.other))
            octets[at] ^= 0x55
            peer.write(bytes(octets))
            time.sleep(PAUSE)
        peer.send(ACK | PSH, pattern(100))
        peer.drain()


@scenario("malformed/bad-option-lengths")
def bad_option_lengths(path):
    """Options with a length of 0 and beyond the header end the parsing, not the segment (MUST-7)."""
    with Peer(path, "server") as peer:
        peer.open()
        peer.send(ACK | PSH, pattern(100), options=b"\x08\x00\x00\x00")
        peer.drain()
        peer.send(ACK | PSH, pattern(100), options=b"\x01\x01\x08\x20")
        peer.drain()
