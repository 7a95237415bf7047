"""The stack connects; the kernel's programs serve: `tuntcp get` and `tuntcp nc`."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from stack import MIB, PATIENCE, Case, client, connect, device_exists, each_family, linger_0, \
    listen, receive_to_end


class Get(Case):
    PORT = 8000

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="tuntcp-interop-")
        self.addCleanup(shutil.rmtree, self.folder)
        octets = os.urandom(64 * MIB)
        self.digest = hashlib.sha256(octets).hexdigest()
        with open(os.path.join(self.folder, "file"), "wb") as file:
            file.write(octets)
        server = subprocess.Popen(
            [sys.executable, "-m", "http.server", "--bind", "::", "--directory", self.folder,
             str(self.PORT)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def is_up():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.PORT)) == 0
        self.eventually(is_up, "python's http.server listens")

    @each_family
    def test_fetches_64_mib_from_a_web_server(self, family):
        copy = os.path.join(self.folder, "copy")
        process = client("get", family.url(family.host, self.PORT, "/file"), "-o", copy)
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, errors), (0, b""))
        with open(copy, "rb") as file:
            self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), self.digest)
        self.assertFalse(device_exists("tun0"))

    @each_family
    def test_tells_that_a_page_is_missing(self, family):
        process = client("get", family.url(family.host, self.PORT, "/none"))
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors.decode(), r"\Atuntcp get: .*404[^\n]*\n\Z")

    @each_family
    def test_tells_that_nobody_listens(self, family):
        process = client("get", family.url(family.host, 1, "/"))
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors.decode(), r"\A[^\n]*[Cc]onnection refused[^\n]*\n\Z")


class Nc(Case):
    def start(self, family, listener):
        process = client("nc", family.host, str(listener.getsockname()[1]),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for pipe in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(pipe.close)
        return process

    @each_family
    def test_moves_data_both_ways_at_once(self, family):
        to_kernel, to_stack = os.urandom(8 * MIB), os.urandom(8 * MIB)
        with listen(family) as listener:
            process = self.start(family, listener)
            peer, _ = listener.accept()
        peer.settimeout(PATIENCE)
        got = []
        sender = threading.Thread(target=lambda: peer.sendall(to_stack))

        def receive_all():
            got.append(receive_to_end(peer))
            sender.join()
            peer.shutdown(socket.SHUT_WR)
        receiver = threading.Thread(target=receive_all)
        with peer:
            sender.start()
            receiver.start()
            output, errors = process.communicate(to_kernel, timeout=PATIENCE)
            receiver.join()
        self.assertEqual((process.returncode, errors), (0, b""))
        self.assertTrue(output == to_stack, "what the kernel sent arrived otherwise")
        self.assertTrue(got == [to_kernel], "what the stack sent arrived otherwise")

    @each_family
    def test_sends_after_the_peers_end(self, family):
        """RFC 9293, 3.6: in CLOSE-WAIT the user may still send. All of the input arrives, although
        the peer ended its side before the first octet of it was written."""
        text = os.urandom(8 * MIB)
        with listen(family) as listener:
            process = self.start(family, listener)
            peer, _ = listener.accept()
        got = []
        receiver = threading.Thread(target=lambda: got.append(receive_to_end(peer)))
        with peer:
            peer.settimeout(PATIENCE)
            peer.sendall(b"all of it")
            peer.shutdown(socket.SHUT_WR)
            self.assertEqual(process.stdout.read(9), b"all of it")
            receiver.start()
            _, errors = process.communicate(text, timeout=PATIENCE)
            receiver.join()
        self.assertEqual((process.returncode, errors), (0, b""))
        self.assertTrue(got == [text], f"{sum(map(len, got))} of {len(text)} octets arrived")

    @each_family
    def test_receives_after_its_own_end(self, family):
        """RFC 9293, 3.6: CLOSE means "I have no more data to send"."""
        with listen(family) as listener:
            process = self.start(family, listener)
            peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            process.stdin.write(b"question")
            process.stdin.close()
            self.assertEqual(receive_to_end(peer), b"question")
            answer = os.urandom(4 * MIB)  # The stack receives it in FIN-WAIT-2.

            def send_and_end():
                peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send_and_end)
            sender.start()
            self.assertTrue(process.stdout.read() == answer)
            sender.join()
        self.assertEqual(process.wait(PATIENCE), 0)

    @each_family
    def test_tells_of_a_reset(self, family):
        with listen(family) as listener:
            process = self.start(family, listener)
            peer, _ = listener.accept()
        linger_0(peer)
        peer.close()
        self.assertEqual(process.wait(PATIENCE), 1)
        self.assertRegex(process.stderr.read().decode(), r"\A[^\n]*reset by peer[^\n]*\n\Z")

    @each_family
    def test_listens(self, family):
        process = client("nc", "-l", "5000", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        line = process.stderr.readline().decode()
        self.assertIn("listening on port 5000", line)
        with connect(family, 5000) as sock:
            sock.sendall(b"hello")
            sock.shutdown(socket.SHUT_WR)
            output, _ = process.communicate(b"world", timeout=PATIENCE)
            self.assertEqual(output, b"hello")
            self.assertEqual(process.returncode, 0)
