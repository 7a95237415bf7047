"""A small network of kernels for the interop tests: between the stack and a far host lie two
routers with a narrow link, each in a network namespace of its own.

    stack --tun0-- near ==narrow== middle --1500-- far

The namespaces have no names, only open files: what a test leaves open, the end of the run takes.
"""

import contextlib
import ctypes
import os

from stack import IPV4, IPV6, Stack, client, connect, listen, run

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

# The far host, the router before it, and an address of the narrow link that nobody has.
FAR = {IPV4: "203.0.113.2", IPV6: "2001:db8:2::2"}
MIDDLE = {IPV4: "203.0.113.130", IPV6: "2001:db8:1::2"}
NOBODY = {IPV4: "203.0.113.133", IPV6: "2001:db8:1::5"}


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """A network namespace. Within entered() this thread makes its sockets, programs and devices
    there; they stay there afterwards."""

    def __init__(self):
        home = self.current()
        try:
            checked(LIBC.unshare(CLONE_NEWNET))
            self.file = self.current()
        finally:
            checked(LIBC.setns(home, CLONE_NEWNET))
            os.close(home)
        self.run("ip", "link", "set", "lo", "up")
        # Addresses can be used at once, and no message of ICMP is left out because of its rate.
        self.set("ipv6.conf.default.accept_dad", 0)
        self.set("ipv4.icmp_ratelimit", 0)
        self.set("ipv6.icmp.ratelimit", 0)

    @staticmethod
    def current():
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.file}"

    @contextlib.contextmanager
    def entered(self):
        home = self.current()
        try:
            checked(LIBC.setns(self.file, CLONE_NEWNET))
            yield
        finally:
            checked(LIBC.setns(home, CLONE_NEWNET))
            os.close(home)

    def run(self, *command, **options):
        with self.entered():
            return run(*command, **options)

    def set(self, knob, value):
        with self.entered(), open("/proc/sys/net/" + knob.replace(".", "/"), "w",
                                  encoding="ascii") as file:
            file.write(str(value))

    def counters(self):
        lines = self.run("nstat", "-asz").stdout.splitlines()
        return {words[0]: int(words[1]) for words in map(str.split, lines[1:])}

    def close(self):
        os.close(self.file)


class Network:
    """The network above; its narrow link takes packets of so many octets."""

    def __init__(self, mtu=1500):
        self.near, self.middle, self.far = Namespace(), Namespace(), Namespace()
        for router in (self.near, self.middle):
            router.set("ipv4.ip_forward", 1)
            router.set("ipv6.conf.all.forwarding", 1)
        self.join(self.near, "narrow0", self.middle, "narrow1")
        self.join(self.middle, "wide0", self.far, "wide1")
        self.add_addresses(self.near, "narrow0", "203.0.113.129/29", "2001:db8:1::1/64")
        self.add_addresses(self.middle, "narrow1", MIDDLE[IPV4] + "/29", MIDDLE[IPV6] + "/64")
        self.add_addresses(self.middle, "wide0", "203.0.113.1/25", "2001:db8:2::1/64")
        self.add_addresses(self.far, "wide1", FAR[IPV4] + "/25", FAR[IPV6] + "/64")
        self.route(self.near, "203.0.113.0/25", "via", MIDDLE[IPV4])
        self.route(self.near, "2001:db8:2::/64", "via", MIDDLE[IPV6])
        self.route(self.middle, "198.51.100.0/24", "via", "203.0.113.129")
        self.route(self.middle, "2001:db8::/64", "via", "2001:db8:1::1")
        self.route(self.far, "default", "via", "203.0.113.1")
        self.route(self.far, "default", "via", "2001:db8:2::1")
        self.set_mtu(mtu)

    @staticmethod
    def join(one, one_end, other, other_end):
        one.run("ip", "link", "add", one_end, "type", "veth", "peer", "name", other_end, "netns",
                other.path)
        one.run("ip", "link", "set", one_end, "up")
        other.run("ip", "link", "set", other_end, "up")

    @staticmethod
    def add_addresses(namespace, device, *addresses):
        for address in addresses:
            namespace.run("ip", "address", "add", address, "dev", device)

    @staticmethod
    def route(namespace, destination, *words):
        family = "-6" if ":" in destination + "".join(words) else "-4"
        namespace.run("ip", family, "route", "add", destination, *words)

    def set_mtu(self, mtu):
        """Of the narrow link. IPv6 has no links of less than 1280 octets: it goes away there."""
        for namespace, device in ((self.near, "narrow0"), (self.middle, "narrow1")):
            namespace.run("ip", "link", "set", device, "mtu", str(mtu))

    def stack(self, *options):
        with self.near.entered():
            return Stack(*options)

    def client(self, *arguments, **options):
        """`tuntcp get` or `tuntcp nc` beside the near router."""
        with self.near.entered():
            return client(*arguments, **options)

    def connect(self, family, port, setup=None):
        """The far host's socket, connected to the stack."""
        with self.far.entered():
            return connect(family, port, setup)

    def listen(self, family):
        """The far host's socket, and its port."""
        with self.far.entered():
            listener = listen(family)
            return listener, str(listener.getsockname()[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for namespace in (self.near, self.middle, self.far):
            namespace.close()
