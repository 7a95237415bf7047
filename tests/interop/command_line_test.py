"""Mistakes of whoever starts it: one clear line that names the cause, and a status other than 0."""

import os
import shutil
import tempfile

from stack import PROGRAM, Case, Stack, addresses, device_exists, run


class CommandLine(Case):
    def told(self, *arguments, status, tells, prefix=()):
        """Runs the program, which must end with one line on stderr that tells the cause."""
        result = run(*prefix, PROGRAM, *arguments, status=status)
        self.assertEqual(result.stdout, "")
        lines = [line for line in result.stderr.splitlines() if " info " not in line]
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertRegex(lines[0], tells)
        self.assertTrue(lines[0].startswith("tuntcp"), lines[0])
        self.assertFalse(device_exists("tun9"))

    def up(self, *options, **expected):
        self.told("up", "--tun", "tun9", *addresses(), *options, **expected)

    def test_nothing_to_do(self):
        self.told(status=2, tells="subcommand")

    def test_unknown_command(self):
        self.told("sideways", status=2, tells="sideways|subcommand")

    def test_unknown_flag(self):
        self.up("--spin", status=2, tells="--spin")

    def test_no_address(self):
        self.told("up", "--tun", "tun9", status=2, tells="--address")

    def test_malformed_addresses(self):
        for text in ("198.51.100.2", "198.51.100.2/33", "198.51.100.256/24", "2001:db8::2/129",
                     "2001:db8::2::/64", "x/24", "/24", ""):
            self.told("up", "--tun", "tun9", "--address", text, status=2, tells="--address")

    def test_malformed_services(self):
        for text in ("echo", "echo:", "echo:0", "echo:65536", "echo:x", "ping:7", ":7", ""):
            self.up("--serve", text, status=2, tells="--serve")

    def test_malformed_options(self):
        self.up("--offload", "much", status=2, tells="--offload")
        self.up("--mtu", "big", status=2, tells="--mtu")
        self.up("--profile", "bsd", status=2, tells="--profile")
        self.up("--log-level", "loud", status=2, tells="--log-level")

    def test_simulator_settings(self):
        sweep = ("sim", "sweep")
        self.told("sim", status=2, tells="subcommand")
        self.told(*sweep, status=2, tells="--seeds")
        for text in ("0", "-1", "x", "10000000000000"):
            self.told(*sweep, "--seeds", text, status=2, tells="--seeds")
        for text in ("0/2", "3/2", "1", "1/", "/2", "1/2x", "a/b", ""):
            self.told(*sweep, "--seeds", "1", "--shard", text, status=2, tells="--shard")
        self.told(*sweep, "--seeds", "1", "--first", "x", status=2, tells="--first")
        self.told("sim", "replay", status=2, tells="--seed")
        self.told("sim", "replay", "--seed", "one", status=2, tells="--seed")
        self.told("sim", "replay", "--seed", "1", "--pcap", "/no/such/folder/x.pcap", status=1,
                  tells="cannot write a capture")

    def test_wrong_knobs(self):
        self.up("--set", "net.ipv4.tcp_sack", status=1, tells="NAME=VALUE")
        self.up("--set", "net.ipv4.tcp_sackk=1", status=1, tells="no such knob")
        self.up("--set", "net.ipv4.tcp_sack=many", status=1, tells="not a whole number")
        self.up("--set", "net.ipv4.tcp_fin_timeout=0", status=1, tells="out of range")

    def test_wrong_mtu(self):
        self.up("--mtu", "10", status=1, tells="(?i)mtu")
        self.up("--mtu", "100000", status=1, tells="(?i)mtu")

    def test_device_name_too_long(self):
        self.told("up", "--tun", "a-name-of-more-than-15", *addresses(), status=1,
                  tells="a-name-of-more-than-15")

    def test_port_served_twice(self):
        self.up("--serve", "echo:7,http:7", status=1, tells="port 7: .*in use")

    def test_device_is_busy(self):
        with Stack() as stack:
            self.told("up", "--tun", stack.tun, *addresses(), status=1,
                      tells="tun0.*another program uses it")

    def test_control_socket_is_in_use(self):
        with Stack() as stack:
            self.told("up", "--tun", "tun9", "--address", "203.0.113.2/24",
                      "--control", stack.control, status=1, tells="in use")
            self.assertIn("tcp_sack", stack.ask("sysctl", "net.ipv4.tcp_sack"))

    def test_capture_cannot_be_written(self):
        self.up("--pcap", "/nonexistent/file", status=1, tells="/nonexistent/file")

    def test_control_socket_cannot_be_made(self):
        self.up("--control", "/nonexistent/control", status=1, tells="/nonexistent/control")

    def test_nobody_answers_on_the_control_socket(self):
        for command in (("ss",), ("nstat",), ("sysctl", "-a")):
            self.told(*command, "--control", "/nonexistent/control", status=1,
                      tells="/nonexistent/control")

    def test_unknown_knob_of_a_running_stack(self):
        with Stack() as stack:
            self.told("sysctl", "--control", stack.control, "net.ipv4.tcp_nothing", status=1,
                      tells="no such knob")
            self.told("sysctl", "--control", stack.control, "net.ipv4.tcp_sack=x", status=1,
                      tells="not a whole number")

    def test_wrong_urls(self):
        for url in ("https://198.51.100.1/", "http://example.com/", "http://198.51.100.1:x/"):
            self.told("get", url, "--tun", "tun9", *addresses(), status=1, tells="tuntcp get: ")

    def test_no_permission(self):
        """An ordinary user without CAP_NET_ADMIN."""
        folder = tempfile.mkdtemp(prefix="tuntcp-interop-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        program = shutil.copy(PROGRAM, folder)
        os.chmod(program, 0o755)
        result = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                     "--bounding-set=-all", "--inh-caps=-all", program, "up", "--tun", "tun9",
                     *addresses(), status=1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertRegex(result.stderr, "(?i)permi")
        self.assertFalse(device_exists("tun9"))
