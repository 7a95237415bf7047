"""Bulk data between the kernel and the stack, octet for octet, both ways."""

from stack import GIB, IPV4, IS_LONG, MIB, StackCase, connect, each_family, put_bytes, \
    receive_bytes, request_bytes, sha256_of_characters


def large(family):
    return GIB if IS_LONG or family is IPV4 else 256 * MIB


class Transfer(StackCase):
    @each_family
    def test_large_from_the_stack(self, family):
        count = large(family)
        with connect(family, 80) as sock:
            request_bytes(sock, count)
            self.assertEqual(receive_bytes(sock, count), sha256_of_characters(count))

    @each_family
    def test_large_to_the_stack(self, family):
        with connect(family, 80) as sock:
            ours, theirs = put_bytes(sock, large(family))
        self.assertEqual(theirs, ours)

    @each_family
    def test_every_small_size(self, family):
        # Around the MSS, the initial window, and what one super-packet holds.
        sizes = [0, 1, 2, 535, 536, 1439, 1440, 1441, 1447, 1448, 1449, 1460, 14480, 14481,
                 65483, 65484, 65535, 65536, 65537]
        with connect(family, 80) as sock:
            for size in sizes:
                request_bytes(sock, size)
                self.assertEqual(receive_bytes(sock, size), sha256_of_characters(size), size)
                ours, theirs = put_bytes(sock, size)
                self.assertEqual(theirs, ours, size)
        self.assert_only_time_wait()
