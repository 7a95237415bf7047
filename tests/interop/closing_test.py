"""The ways in which connections end, with the kernel at the other end."""

import errno
import os
import socket
import threading
import time

from stack import MIB, StackCase, characters, connect, each_family, go_deaf, hear_again, \
    linger_0, read_head, receive, receive_bytes, receive_to_end, request_bytes, \
    sha256_of_characters


class Closing(StackCase):
    def state_of(self, sock):
        connection = self.connection_of(sock)
        return connection.state if connection else None

    @each_family
    def test_stack_sends_on_after_the_clients_end(self, family):
        """RFC 9293, 3.6: data flows in CLOSE-WAIT, and LAST-ACK ends it."""
        count = 64 * MIB
        with connect(family, 80) as sock:
            request_bytes(sock, count)
            sock.shutdown(socket.SHUT_WR)
            self.eventually(lambda: self.state_of(sock) == "CLOSE-WAIT", "CLOSE-WAIT")
            self.assertEqual(receive_bytes(sock, count), sha256_of_characters(count))
            self.assertEqual(sock.recv(1), b"")
        self.assert_only_time_wait()

    @each_family
    def test_echo_returns_all_after_half_close(self, family):
        octets = os.urandom(16 * MIB)
        with connect(family, 7) as sock:
            def write_and_end():
                sock.sendall(octets)
                sock.shutdown(socket.SHUT_WR)
            writer = threading.Thread(target=write_and_end)
            writer.start()
            returned = receive_to_end(sock)
            writer.join()
        self.assertTrue(returned == octets, f"{len(returned)} of {len(octets)} came back")
        self.assert_only_time_wait()

    @each_family
    def test_reset_in_mid_stream(self, family):
        before = self.stack.counters()["TcpEstabResets"]
        sock = connect(family, 19)
        receive(sock, 4 * MIB)
        linger_0(sock)
        sock.close()
        self.assert_only_time_wait()
        self.assertEqual(self.stack.counters()["TcpEstabResets"], before + 1)

    @each_family
    def test_reset_while_the_stack_receives(self, family):
        before = self.stack.counters()["TcpEstabResets"]
        sock = connect(family, 9)
        sock.sendall(b"x" * (8 * MIB))
        linger_0(sock)
        sock.close()
        self.assert_only_time_wait()
        self.assertEqual(self.stack.counters()["TcpEstabResets"], before + 1)

    @each_family
    def test_linger_0_while_idle(self, family):
        before = self.stack.counters()["TcpEstabResets"]
        sock = connect(family, 7)
        sock.sendall(b"x")
        receive(sock, 1)
        linger_0(sock)
        sock.close()
        self.assert_only_time_wait()
        self.assertEqual(self.stack.counters()["TcpEstabResets"], before + 1)

    @each_family
    def test_kernel_closes_with_unread_data(self, family):
        """The kernel answers with RST (RFC 2525, 2.17); it takes the connection away at once."""
        sock = connect(family, 7)
        sock.sendall(b"x" * 1000)
        self.eventually(lambda: len(sock.recv(2000, socket.MSG_PEEK)) == 1000, "the echo")
        sock.close()
        self.assert_only_time_wait(5)

    @each_family
    def test_stack_closes_with_unread_data(self, family):
        """RFC 1122, 4.2.2.13: data that will never be read is told of by RST."""
        def aborts():
            counters = self.stack.counters()
            # Whichever was first, the body or close().
            return counters["TcpExtTCPAbortOnClose"] + counters["TcpExtTCPAbortOnData"]
        before = aborts()
        with connect(family, 80) as sock:
            # The server answers 405 and closes without reading the body.
            sock.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n")
            with self.assertRaises((ConnectionResetError, BrokenPipeError)):
                for _ in range(10):
                    sock.sendall(b"x" * MIB)
        self.assert_only_time_wait(5)
        self.assertEqual(aborts(), before + 1)

    @each_family
    def test_refuses_on_a_closed_port(self, family):
        began = time.monotonic()
        with self.assertRaises(ConnectionRefusedError):
            connect(family, 4711)
        self.assertLess(time.monotonic() - began, 2)

    @each_family
    def test_simultaneous_close(self, family):
        """RFC 9293, 3.6, figure 13: both FINs cross. The kernel's socket is made deaf, so it sends
        its FIN before it has seen the stack's."""
        with connect(family, 80) as sock:
            self.eventually(lambda: self.state_of(sock) == "ESTAB", "ESTAB")
            go_deaf(sock)
            sock.sendall(b"GET /bytes/100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.eventually(lambda: self.state_of(sock) == "FIN-WAIT-1", "FIN-WAIT-1")
            sock.shutdown(socket.SHUT_WR)
            self.eventually(lambda: self.state_of(sock) == "CLOSING", "CLOSING")
            hear_again(sock)
            status, _, body = read_head(sock)
            body += receive_to_end(sock)
            self.assertEqual((status, body), (200, characters(0, 100)))
            self.eventually(lambda: self.state_of(sock) in (None, "TIME-WAIT"), "TIME-WAIT")
            self.assertEqual(self.state_of(sock), "TIME-WAIT")
            self.assertEqual(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)

    @each_family
    def test_data_after_full_close_is_reset(self, family):
        """Whoever writes to a connection that its peer has forgotten learns of it by RST."""
        with connect(family, 80) as sock:
            sock.sendall(b"NONSENSE\r\n\r\n")
            answer = receive_to_end(sock)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            with self.assertRaises(OSError) as raised:
                for _ in range(100):
                    sock.sendall(b"more")
                    time.sleep(0.02)
            self.assertIn(raised.exception.errno, (errno.ECONNRESET, errno.EPIPE))
        self.assert_only_time_wait()
