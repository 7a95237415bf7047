"""Receivers that do not read: the window closes, stays closed, opens, and no octet is lost."""

import os
import socket
import threading
import time

from stack import IS_LONG, MIB, PATIENCE, StackCase, characters, connect, each_family, receive, \
    receive_to_end

# How long the window stays shut, in seconds.
SHUT = 30.0 if IS_LONG else 8.0


class Window(StackCase):
    @each_family
    def test_kernel_does_not_read_for_long(self, family):
        """RFC 9293, 3.8.6.1: the stack probes the zero window for as long as it takes."""
        def small_buffer(sock):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        with connect(family, 19, small_buffer) as sock:
            self.eventually(lambda: self.connection_of(sock).timer.startswith("persist"),
                            "the persist timer runs")
            time.sleep(SHUT)
            connection = self.connection_of(sock)
            self.assertEqual(connection.state, "ESTAB")
            self.assertTrue(connection.timer.startswith("persist"), connection.timer)
            count = 32 * MIB
            self.assertTrue(receive(sock, count) == characters(0, count))

    @each_family
    def test_kernel_stops_reading_again_and_again(self, family):
        with connect(family, 19) as sock:
            offset = 0
            for _ in range(6):
                time.sleep(0.3)
                count = 3 * MIB + 17
                self.assertTrue(receive(sock, count) == characters(offset, count), offset)
                offset += count

    @each_family
    def test_stack_does_not_read(self, family):
        """The echo server stops reading once nobody takes what it sends back: both directions are
        full. Drained, everything has come back."""
        octets = os.urandom(32 * MIB)
        with connect(family, 7) as sock:
            sock.settimeout(2.0)
            sent = 0
            with self.assertRaises(TimeoutError):
                while sent < len(octets):
                    sent += sock.send(octets[sent:sent + MIB])
            connection = self.connection_of(sock)
            self.assertGreater(connection.recv_q, 0)
            self.assertGreater(connection.send_q, 0)
            time.sleep(SHUT / 4)
            sock.settimeout(PATIENCE)

            def write_the_rest():
                sock.sendall(memoryview(octets)[sent:])
                sock.shutdown(socket.SHUT_WR)
            writer = threading.Thread(target=write_the_rest)
            writer.start()
            returned = receive_to_end(sock)
            writer.join()
        self.assertTrue(returned == octets, f"{len(returned)} of {len(octets)} came back")
        self.assert_only_time_wait()
