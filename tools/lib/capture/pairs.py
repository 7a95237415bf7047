"""Captures of two kernels that talk to each other. Each function makes pcap-fixtures/<name>.pcap;
its docstring is the line of provenance."""

import socket
import time

from . import segment
from .network import Pair
from .scenario import scenario

# Between two things that an application does, so that the order of packets is no race.
PAUSE = 0.03


def read(connection, octets):
    """Exactly so many octets."""
    found = b""
    while len(found) < octets:
        piece = connection.recv(octets - len(found))
        if not piece:
            raise RuntimeError("the stream ended early")
        found += piece
    return found


def pattern(octets):
    return bytes(i * 167 + (i >> 8) * 59 & 0xFF for i in range(octets))


def close_both(first, second):
    """One end closes, then the other; what is captured after that is the end of it."""
    first.close()
    time.sleep(PAUSE)
    second.close()
    time.sleep(PAUSE)


@scenario("handshake/open-and-close")
def open_and_close(path):
    """A request of 100 octets, an answer of 1000, closed by the client."""
    with Pair(path) as pair:
        client, server = pair.connect()
        client.sendall(pattern(100))
        read(server, 100)
        time.sleep(PAUSE)
        server.sendall(pattern(1000))
        read(client, 1000)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("handshake/syn-lost")
def syn_lost(path):
    """The network loses the client's first two SYNs."""
    def treat(from_client, seg, _):
        return "drop" if from_client and seg.flags & segment.SYN and lost.pop() else None

    lost = [False, True, True]
    with Pair(path, treat=treat) as pair:
        client, server = pair.connect()
        close_both(client, server)


@scenario("handshake/syn-ack-lost")
def syn_ack_lost(path):
    """The network loses the server's first SYN,ACK: both ends repeat theirs."""
    def treat(from_client, seg, nth):
        return "drop" if not from_client and nth == 1 else None

    with Pair(path, capture="server", treat=treat) as pair:
        client, server = pair.connect()
        close_both(client, server)


@scenario("handshake/refused")
def refused(path):
    """A SYN to a port where nobody listens."""
    with Pair(path) as pair:
        try:
            pair.client.finish_connect(pair.client.start_connect(81))
            raise RuntimeError("somebody listens")
        except ConnectionRefusedError:
            time.sleep(PAUSE)


@scenario("handshake/last-ack-lost")
def last_ack_lost(path):
    """The third segment of the handshake is lost; the client's first text completes it."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and nth == 2 else None

    with Pair(path, capture="server", treat=treat) as pair:
        listener = pair.server.listen()
        client = pair.client.finish_connect(pair.client.start_connect())
        time.sleep(PAUSE)
        client.sendall(pattern(10))
        server, _ = listener.accept()
        read(server, 10)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("close/server-first")
def server_first(path):
    """The server says something and closes; the client reads to the end and closes."""
    with Pair(path) as pair:
        client, server = pair.connect()
        server.sendall(pattern(500))
        read(client, 500)
        time.sleep(PAUSE)
        close_both(server, client)


@scenario("close/half-close")
def half_close(path):
    """The client shuts down its sending side; the server goes on for 3000 octets, then closes."""
    with Pair(path) as pair:
        client, server = pair.connect()
        client.sendall(pattern(200))
        client.shutdown(socket.SHUT_WR)
        read(server, 200)
        for _ in range(3):
            time.sleep(PAUSE)
            server.sendall(pattern(1000))
            read(client, 1000)
        time.sleep(PAUSE)
        close_both(server, client)


@scenario("close/linger-zero")
def linger_zero(path):
    """The client closes with SO_LINGER zero: a reset instead of a FIN."""
    with Pair(path) as pair:
        client, server = pair.connect()
        client.sendall(pattern(100))
        read(server, 100)
        time.sleep(PAUSE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        time.sleep(PAUSE)


@scenario("close/unread-text")
def unread_text(path):
    """The server closes with 100 octets unread: a reset (RFC 9293, 3.6.1, SHLD-3)."""
    with Pair(path, capture="server") as pair:
        client, server = pair.connect()
        client.sendall(pattern(100))
        time.sleep(PAUSE)
        server.close()
        time.sleep(PAUSE)


@scenario("close/fin-lost")
def fin_lost(path):
    """The client's FIN is lost twice."""
    def treat(from_client, seg, _):
        return "drop" if from_client and seg.flags & segment.FIN and lost.pop() else None

    lost = [False] * 8 + [True, True]
    with Pair(path, treat=treat) as pair:
        client, server = pair.connect()
        client.close()
        time.sleep(1.2)
        server.close()
        time.sleep(PAUSE)


@scenario("time-wait/fin-again")
def fin_again(path):
    """The client's last ACK is lost: the server repeats its FIN into TIME-WAIT."""
    def treat(from_client, seg, _):
        if not from_client and seg.flags & segment.FIN:
            closing.append(seg.end)
        is_last_ack = from_client and closing and seg.ack == closing[0] & 0xFFFFFFFF
        return "drop" if is_last_ack and len(closing) == 1 else None

    closing = []
    with Pair(path, treat=treat) as pair:
        client, server = pair.connect()
        client.close()
        time.sleep(PAUSE)
        server.close()
        time.sleep(0.6)


@scenario("time-wait/port-again")
def port_again(path):
    """The client comes back from the same port: its SYN opens the server's TIME-WAIT again."""
    with Pair(path, capture="server") as pair:
        client, server = pair.connect()
        server.close()
        time.sleep(PAUSE)
        client.close()
        time.sleep(1.1)
        client, server = pair.connect()
        client.sendall(pattern(50))
        read(server, 50)
        time.sleep(PAUSE)
        close_both(client, server)


NO_SACK = {"net.ipv4.tcp_sack": 0}


@scenario("loss/fast-retransmit")
def fast_retransmit(path):
    """20 KB, the third segment lost, no SACK: three duplicate ACKs (RFC 5681, 3.2), 20 ms there and back."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and nth == 5 else None

    with Pair(path, treat=treat, delay=0.01, client_knobs=NO_SACK) as pair:
        client, server = pair.connect()
        client.sendall(pattern(20_000))
        read(server, 20_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("loss/gap-at-the-receiver")
def gap_at_the_receiver(path):
    """20 KB, the third segment lost, SACK: beside the receiver, who reports the gap."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and nth == 5 else None

    with Pair(path, capture="server", treat=treat, delay=0.01) as pair:
        client, server = pair.connect()
        client.sendall(pattern(20_000))
        read(server, 20_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("loss/two-gaps-at-the-receiver")
def two_gaps_at_the_receiver(path):
    """20 KB, the third and the sixth segment lost, SACK: beside the receiver."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and nth in (5, 8) else None

    with Pair(path, capture="server", treat=treat, delay=0.01) as pair:
        client, server = pair.connect()
        client.sendall(pattern(20_000))
        read(server, 20_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("loss/reordered")
def reordered(path):
    """Ten segments, the third delayed behind the fifth: beside the receiver."""
    def treat(from_client, seg, nth):
        return 0.003 if from_client and nth == 5 else None

    with Pair(path, capture="server", treat=treat, delay=0.005) as pair:
        client, server = pair.connect()
        client.sendall(pattern(14_480))
        read(server, 14_480)
        time.sleep(0.1)
        close_both(client, server)


@scenario("loss/ack-lost")
def ack_lost(path):
    """An ACK of text is lost, nothing follows it: the sender repeats, the receiver reports a D-SACK."""
    def treat(from_client, seg, nth):
        return "drop" if not from_client and nth == 2 else None

    with Pair(path, capture="server", treat=treat) as pair:
        client, server = pair.connect()
        client.sendall(pattern(700))
        read(server, 700)
        time.sleep(0.5)
        close_both(client, server)


@scenario("loss/timeout")
def timeout(path):
    """A small segment is lost three times, no SACK: retransmission timeouts (RFC 6298)."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and 3 <= nth <= 5 else None

    with Pair(path, treat=treat, client_knobs=NO_SACK) as pair:
        client, server = pair.connect()
        client.sendall(pattern(100))
        read(server, 100)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("window/slow-start")
def slow_start(path):
    """40 KB over 20 ms there and back, without loss: slow start from 10 segments (RFC 6928)."""
    with Pair(path, delay=0.01) as pair:
        client, server = pair.connect()
        client.sendall(pattern(40_000))
        read(server, 40_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("window/bulk-received")
def bulk_received(path):
    """20 KB over 20 ms there and back, read at once: beside the receiver."""
    with Pair(path, capture="server", delay=0.01) as pair:
        client, server = pair.connect()
        client.sendall(pattern(20_000))
        read(server, 20_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("window/nagle")
def nagle(path):
    """Five writes of 50 octets, the first answered after 20 ms: Nagle's algorithm gathers the rest."""
    with Pair(path, delay=0.01) as pair:
        client, server = pair.connect()
        for _ in range(5):
            client.sendall(pattern(50))
        read(server, 250)
        time.sleep(0.1)
        close_both(client, server)


@scenario("window/no-delay")
def no_delay(path):
    """Five writes of 50 octets with TCP_NODELAY."""
    option = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with Pair(path, delay=0.01) as pair:
        client, server = pair.connect(client_options=[option])
        for _ in range(5):
            client.sendall(pattern(50))
            time.sleep(0.001)
        read(server, 250)
        time.sleep(0.1)
        close_both(client, server)


@scenario("window/closed-by-the-reader")
def closed_by_the_reader(path):
    """The server (SO_RCVBUF 4096) does not read; the window closes, is probed, and opens again."""
    small = (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with Pair(path) as pair:
        client, server = pair.connect(server_options=[small])
        client.sendall(pattern(6000))
        time.sleep(1.0)
        read(server, 6000)
        time.sleep(0.5)
        close_both(client, server)


@scenario("options/no-timestamps")
def no_timestamps(path):
    """Neither timestamps nor SACK nor window scaling on the client's side."""
    knobs = {f"net.ipv4.tcp_{name}": 0 for name in ("timestamps", "sack", "window_scaling")}
    with Pair(path, client_knobs=knobs) as pair:
        client, server = pair.connect()
        client.sendall(pattern(3000))
        read(server, 3000)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("options/no-sack-at-the-server")
def no_sack_at_the_server(path):
    """The server accepts timestamps and window scaling, but no SACK."""
    with Pair(path, capture="server", server_knobs=NO_SACK) as pair:
        client, server = pair.connect()
        client.sendall(pattern(3000))
        read(server, 3000)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("options/small-mtu")
def small_mtu(path):
    """An MTU of 600 on both ends: MSS 560."""
    with Pair(path, mtu=600) as pair:
        client, server = pair.connect()
        client.sendall(pattern(3000))
        read(server, 3000)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("ipv6/open-and-close")
def ipv6_open_and_close(path):
    """A request and an answer over IPv6."""
    with Pair(path, version=6) as pair:
        client, server = pair.connect()
        client.sendall(pattern(100))
        read(server, 100)
        time.sleep(PAUSE)
        server.sendall(pattern(3000))
        read(client, 3000)
        time.sleep(PAUSE)
        close_both(client, server)


@scenario("ipv6/refused")
def ipv6_refused(path):
    """A SYN over IPv6 to a port where nobody listens."""
    with Pair(path, version=6) as pair:
        try:
            pair.client.finish_connect(pair.client.start_connect(81))
            raise RuntimeError("somebody listens")
        except ConnectionRefusedError:
            time.sleep(PAUSE)


@scenario("ipv6/gap-at-the-receiver")
def ipv6_gap_at_the_receiver(path):
    """10 KB over IPv6, the third segment lost: beside the receiver."""
    def treat(from_client, seg, nth):
        return "drop" if from_client and nth == 5 else None

    with Pair(path, version=6, capture="server", treat=treat, delay=0.01) as pair:
        client, server = pair.connect()
        client.sendall(pattern(10_000))
        read(server, 10_000)
        time.sleep(0.1)
        close_both(client, server)


@scenario("icmp/echo")
def echo(path):
    """ping of 3 requests with 56 and one with 1400 octets."""
    with Pair(path, capture="server") as pair:
        pair.client.namespace.run("ping", "-qc3", "-i0.05", pair.server.own)
        pair.client.namespace.run("ping", "-qc1", "-s1400", pair.server.own)


@scenario("ipv6/echo")
def ipv6_echo(path):
    """ping of 3 requests over IPv6."""
    with Pair(path, version=6, capture="server") as pair:
        pair.client.namespace.run("ping", "-qc3", "-i0.05", pair.server.own)
