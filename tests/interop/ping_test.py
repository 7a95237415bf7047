"""ICMP and ICMPv6 echo, as the ping of iputils sees it."""

from stack import Case, Stack, each_family, run


def ping(family, size, may_be_cut="do"):
    return run("ping", "-n", "-c", "2", "-i", "0.05", "-W", "10", "-M", may_be_cut, "-s",
               str(size), family.stack).stdout


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

    @each_family
    def test_answers_in_fragments_what_comes_in_fragments(self, family):
        """RFC 1122, 3.2.2.6; RFC 4443, 4.2: with all of its octets, which ping compares."""
        with Stack() as stack:
            for size in (1500, 3000, 20_000, 65_400):
                said = ping(family, size, may_be_cut="dont")
                self.assertIn("2 received, 0% packet loss", said)
                self.assertNotIn("wrong data", said)
            counters = stack.counters()
            self.assertEqual(counters["IpOutDiscards"] + counters["Ip6OutDiscards"], 0)
