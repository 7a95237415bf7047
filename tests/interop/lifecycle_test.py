"""Ending: by signal, by the loss of the device; and what the capture then shows."""

import os
import shutil
import signal
import tempfile

from stack import FAMILIES, MIB, PATIENCE, Case, Stack, connect, device_exists, each, each_family, \
    receive, receive_to_end, run, transfer_both_ways


class Ending(Case):
    @each("SIGTERM", "SIGINT")
    def test_signal_ends_an_idle_stack(self, name):
        stack = Stack()
        self.assertEqual(stack.end(getattr(signal, name)), 0)
        self.assertFalse(device_exists("tun0"))
        self.assertFalse(os.path.exists(stack.control))
        stack.stop()

    @each("SIGTERM", "SIGINT")
    def test_signal_ends_connections_politely(self, name):
        """An idle connection gets its FIN, not silence."""
        stack = Stack()
        with connect(FAMILIES[0], 7) as four, connect(FAMILIES[1], 7) as six:
            for sock in (four, six):
                sock.sendall(b"x")
                receive(sock, 1)
            stack.process.send_signal(getattr(signal, name))
            for sock in (four, six):
                self.assertEqual(receive_to_end(sock), b"")
        self.assertEqual(stack.end(), 0)
        self.assertFalse(device_exists("tun0"))
        stack.stop()

    @each_family
    def test_signal_ends_a_busy_stack(self, family):
        stack = Stack()
        with connect(family, 19) as sock:
            receive(sock, MIB)
            self.assertEqual(stack.end(), 0)
        self.assertFalse(device_exists("tun0"))
        stack.stop()

    def test_device_deleted_while_running(self):
        stack = Stack()
        self.addCleanup(shutil.rmtree, stack.folder)
        with connect(FAMILIES[0], 7):
            run("ip", "link", "delete", "tun0")
            self.assertEqual(stack.process.wait(PATIENCE), 1)
        lines = [line for line in stack.errors().splitlines() if line.startswith("tuntcp")]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^tuntcp up: tun0 is gone: .*deleted")
        stack.process.stdout.close()

    def test_starts_again_at_once_after_the_end(self):
        for _ in range(3):
            with Stack():
                transfer_both_ways(self, FAMILIES[0], 1000)


class Capture(Case):
    def test_is_whole_and_its_checksums_are_right(self):
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "pcap")
        with Stack("--pcap", path):
            for family in FAMILIES:
                transfer_both_ways(self, family, 4 * MIB)
                run("ping", "-n", "-c", "1", "-W", "10", family.stack)
                with self.assertRaises(ConnectionRefusedError):
                    connect(family, 4711)
        checked = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-o",
                   "tcp.desegment_tcp_streams:FALSE"]
        bad = "tcp.checksum.status==0 || ip.checksum.status==0 || icmp.checksum.status==0 || " \
              "icmpv6.checksum.status==0"
        self.assertEqual(run("tshark", "-n", "-r", path, *checked, "-Y", bad).stdout, "")
        for wanted in ("ip && tcp.flags.syn==1", "ipv6 && tcp.flags.syn==1",
                       "ip && tcp.flags.fin==1", "icmp.type==0", "icmpv6.type==129",
                       "tcp.checksum.status==1 && tcp.len>1000", "tcp.flags.reset==1"):
            self.assertNotEqual(run("tshark", "-n", "-r", path, *checked, "-Y", wanted).stdout,
                                "", wanted)
        self.assertIn("Flags [S.]", run("tcpdump", "-n", "-r", path).stdout)
