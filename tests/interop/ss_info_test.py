"""`tuntcp ss -i` beside iproute2's `ss -i`: the same fields in the same order, and at both ends of one
connection the numbers that belong together."""

import itertools
import re
import socket
import threading
import time

from stack import MIB, StackCase, connect, each_family, receive, run

# iproute2 prints rcv_wnd since 6.8 (TCP_INFO has it since Linux 6.2). Whether slow start is over, and
# there is an ssthresh, depends on the time that things take.
NOT_ALWAYS = {"rcv_wnd", "ssthresh"}


def fields(line):
    """The names, in their order, and the values: {"ts": "", "cwnd": "10", "send": "123bps"}."""
    words = line.split()
    found = {}
    while words:
        name, _, value = words.pop(0).partition(":")
        if name in ("send", "pacing_rate", "delivery_rate"):
            value = words.pop(0)
        found[name] = value
    return found


def kernel_fields(sock):
    """What the kernel's ss says of its end of the connection."""
    name = sock.getsockname()
    # Without -o it says nothing of the options that were agreed on.
    lines = run("ss", "-tiHOno", "sport", "=", f":{name[1]}").stdout.splitlines()
    line = next(line for line in lines if line.startswith("ESTAB"))
    return fields(re.sub(r"timer:\S+", "", line.split(maxsplit=5)[5]))


class SsInfo(StackCase):
    def fields_of(self, sock):
        lines = self.stack.ask("ss", "-i").splitlines()
        port = f":{sock.getsockname()[1]} "
        at = next(i for i, line in enumerate(lines) if port in line + " ")
        return fields(lines[at + 1])

    @each_family
    def test_names_and_order_are_those_of_ss(self, family):
        """A sender whose peer does not read, one that idles, a receiver: kernel to kernel, and the
        stack in the same places."""
        kernel, ours = [], []
        listener = socket.create_server((family.host, 0), family=family.af)
        with listener, socket.create_connection(listener.getsockname()[:2]) as reader, \
                listener.accept()[0] as writer, connect(family, 19) as stalled, \
                connect(family, 7) as echo:
            threading.Thread(target=write_until_closed, args=(writer,), daemon=True).start()
            echo.sendall(b"x" * 100_000)
            receive(echo, 100_000)
            reader.recv(MIB)
            stalled.recv(MIB)
            time.sleep(1.0)
            kernel += [kernel_fields(sock) for sock in (reader, writer, stalled, echo)]
            ours += [self.fields_of(sock) for sock in (stalled, echo)]
            for sock in (reader, writer):
                sock.shutdown(socket.SHUT_RDWR)
        pairs = {pair for line in kernel for pair in itertools.combinations(line, 2)}
        for line in ours:
            names = [name for name in line if name not in NOT_ALWAYS]
            self.assertEqual([], [name for name in names if not any(name in k for k in kernel)])
            wrong = [p for p in itertools.combinations(names, 2) if p[::-1] in pairs]
            self.assertEqual([], wrong)
        self.assertIn("rwnd_limited", ours[0])
        self.assertIn("notsent", ours[0])

    @each_family
    def test_both_ends_tell_the_same(self, family):
        with connect(family, 7) as sock:
            sock.sendall(b"x" * 100_000)
            receive(sock, 100_000)
            self.eventually(lambda: self.fields_of(sock).get("bytes_acked") == "100000",
                            "all is acknowledged")
            kernel, ours = kernel_fields(sock), self.fields_of(sock)
        self.assertEqual(ours["bytes_sent"], "100000")
        self.assertEqual(ours["bytes_acked"], kernel["bytes_received"])
        self.assertEqual(ours["bytes_received"], "100000")
        # The kernel opened, and counts its SYN.
        self.assertEqual(kernel["bytes_acked"], "100001")
        self.assertEqual(ours["data_segs_in"], kernel["data_segs_out"])
        self.assertEqual(ours["mss"], kernel["mss"])
        self.assertEqual(ours["wscale"].split(","), kernel["wscale"].split(",")[::-1])
        self.assertTrue({"ts", "sack", "cubic"} <= ours.keys())


def write_until_closed(sock):
    try:
        while True:
            sock.sendall(b"x" * 65536)
    except OSError:
        pass
