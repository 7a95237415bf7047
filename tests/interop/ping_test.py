"""ICMP and ICMPv6 echo, as the ping of iputils sees it."""

from stack import Case, Stack, each_family, run


def ping(family, size):
    return run("ping", "-n", "-c", "2", "-i", "0.05", "-W", "10", "-M", "do", "-s", str(size),
               family.stack).stdout


class Ping(Case):
    @each_family
    def test_answers_every_size(self, family):
        most = 1500 - family.ip_header - 8
        with Stack():
            for size in (0, 1, 16, 56, 57, 1000, most - 1, most):
                self.assertIn("2 received, 0% packet loss", ping(family, size), size)

    @each_family
    def test_answers_the_largest_packet_of_a_large_mtu(self, family):
        with Stack("--mtu", "9000"):
            self.assertIn("2 received, 0% packet loss",
                          ping(family, 9000 - family.ip_header - 8))
