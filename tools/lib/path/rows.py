"""The rows of the path benchmark: which path each is, and how `tuntcp link` is told."""

import fnmatch
from dataclasses import dataclass

RATES = (10, 100, 1000)  # Mbit/s
ROUND_TRIPS = (2, 20, 100)  # ms
PACKET = 1500  # octets

# A queue smaller than this drops the second packet of every burst, as no device does.
LEAST_QUEUE = 2 * PACKET

# What the path does, its name in the table, and its queue in bandwidth-delay products.
TROUBLES = {
    "queue0.1": ("queue of 0.1 BDP", 0.1),
    "queue0.5": ("queue of 0.5 BDP", 0.5),
    "queue1": ("queue of 1 BDP", 1),
    "queue2": ("queue of 2 BDP", 2),
    "loss0.1": ("0.1 % lost", 1),
    "loss1": ("1 % lost", 1),
    "loss3": ("3 % lost", 1),
    "burst": ("1 % lost in bursts of 4", 1),
    "reorder": ("1 % reordered", 1),
    "ackloss": ("5 % of the ACKs lost", 1),
}


@dataclass(frozen=True)
class Row:
    rate: int
    rtt: int
    trouble: str

    @property
    def name(self):
        return f"{self.rate}:{self.rtt}:{self.trouble}"

    @property
    def text(self):
        return TROUBLES[self.trouble][0]

    @property
    def queue(self):
        """Octets that may wait, the packet on the link included."""
        bdp = self.rate * 1e6 / 8 * self.rtt / 1e3
        return max(LEAST_QUEUE, round(TROUBLES[self.trouble][1] * bdp))

    @property
    def packet_ms(self):
        """How long a packet is on the link."""
        return PACKET * 8 / self.rate / 1e3

    def link_options(self, data, phase=0.0):
        """Of `tuntcp link`, where `data` ("ab" or "ba") is the direction of the text. What happens
        by chance happens there, and to text alone: a lost SYN says nothing about a sender. The round
        trip is longer by `phase` packets."""
        acks = "ba" if data == "ab" else "ab"
        delay_ms = (self.rtt + phase * self.packet_ms) / 2
        options = ["--rate", f"{self.rate}mbit", "--delay", f"{delay_ms:g}ms",
                   "--queue", str(self.queue)]
        if self.trouble.startswith("loss"):
            options += [f"--{data}-victims", "text", f"--{data}-loss", f"{self.trouble[4:]}%"]
        elif self.trouble == "burst":
            options += [f"--{data}-victims", "text", f"--{data}-burst", "1%:4"]
        elif self.trouble == "reorder":
            # Far enough to be overtaken by three segments at any rate.
            held_ms = max(self.rtt / 4, 4 * self.packet_ms)
            options += [f"--{data}-victims", "text", f"--{data}-reorder", f"1%:{held_ms:g}ms"]
        elif self.trouble == "ackloss":
            options += [f"--{acks}-loss", "5%"]
        return options


ROWS = [Row(rate, rtt, trouble)
        for rate in RATES for rtt in ROUND_TRIPS for trouble in TROUBLES]

# Two flows on one queue of 1 BDP.
FAIR_ROWS = [Row(rate, rtt, "queue1") for rate, rtt in
             ((10, 20), (10, 100), (100, 20), (100, 100), (1000, 20))]


def chosen(patterns):
    """The rows whose names match one of the patterns; all without patterns."""
    rows = [row for row in ROWS
            if not patterns or any(fnmatch.fnmatchcase(row.name, p) for p in patterns)]
    if not rows:
        raise SystemExit(f"bench-path: no row matches {' '.join(patterns)}; "
                         f"they are named like {ROWS[0].name}: --list shows all")
    return rows
