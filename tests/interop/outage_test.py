"""Nothing comes through for a while, in one direction or both; then the stream goes on whole."""

import os
import signal
import time

from stack import MIB, PATIENCE, StackCase, characters, connect, each_family, go_deaf, \
    hear_again, put_bytes, receive, receive_bytes, request_bytes, sha256_of_characters


class Outage(StackCase):
    def read_what_is_there(self, sock):
        """What the kernel's socket still holds, until nothing has come for a while."""
        sock.settimeout(0.3)
        octets = bytearray()
        try:
            while True:
                octets += sock.recv(MIB)
        except TimeoutError:
            sock.settimeout(PATIENCE)
            return bytes(octets)

    @each_family
    def test_kernel_hears_nothing_for_a_while(self, family):
        """RFC 6298, 5.5: the stack retransmits, ever more slowly, until it is acknowledged."""
        with connect(family, 19) as sock:
            octets = receive(sock, MIB)
            before = self.stack.counters()["TcpRetransSegs"]
            go_deaf(sock)
            octets += self.read_what_is_there(sock)

            def retransmissions():
                timer = self.connection_of(sock).timer
                return timer.startswith("on,") and int(timer.rpartition(",")[2])

            self.eventually(lambda: retransmissions() >= 3, "the third retransmission")
            self.assertGreaterEqual(self.stack.counters()["TcpRetransSegs"], before + 3)
            hear_again(sock)
            octets += receive(sock, 16 * MIB)
            self.assertTrue(octets == characters(0, len(octets)))
            self.eventually(lambda: retransmissions() is False or retransmissions() == 0,
                            "the count of retransmissions begins anew")

    def pause(self):
        """The stack stands still, and the device's queue overflows or runs dry."""
        os.kill(self.stack.process.pid, signal.SIGSTOP)
        try:
            time.sleep(1.5)
        finally:
            os.kill(self.stack.process.pid, signal.SIGCONT)

    @each_family
    def test_stack_stands_still_while_it_sends(self, family):
        count = 64 * MIB
        with connect(family, 80) as sock:
            request_bytes(sock, count)
            self.assertEqual(receive_bytes(sock, count, self.pause), sha256_of_characters(count))
        self.assert_only_time_wait()

    @each_family
    def test_stack_stands_still_while_it_receives(self, family):
        with connect(family, 80) as sock:
            ours, theirs = put_bytes(sock, 64 * MIB, self.pause)
            self.assertEqual(theirs, ours)
        self.assert_only_time_wait()
