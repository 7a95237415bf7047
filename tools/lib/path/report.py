"""What the runs of the path benchmark came to: medians, a Markdown table, plots as SVG."""

import html
import statistics
from dataclasses import dataclass

from path.rows import FAIR_ROWS, RATES, ROUND_TRIPS, ROWS, TROUBLES

GOODPUT_WANTED = 0.95  # of the kernel's, at least
REPEATS_WANTED = 1.1  # of the kernel's share of octets sent again, at most
# A share this small is a segment or two in a run: its ratio to another says nothing.
FEW = 0.0005
ROLES = {"sender": "as sender", "receiver": "as receiver"}


@dataclass
class Cell:
    """The medians of one row in one role."""
    kernel: float  # Mbit/s
    tuntcp: float
    kernel_repeats: float  # share of the octets sent
    tuntcp_repeats: float
    rounds: int

    @property
    def goodput_ratio(self):
        return self.tuntcp / self.kernel if self.kernel else float("inf")

    @property
    def repeats_ratio(self):
        return self.tuntcp_repeats / self.kernel_repeats if self.kernel_repeats else None

    @property
    def has_goodput(self):
        return self.goodput_ratio >= GOODPUT_WANTED

    @property
    def has_few_repeats(self):
        return self.tuntcp_repeats <= max(REPEATS_WANTED * self.kernel_repeats, FEW)


def cell(runs, row, role):
    """None where one of the two has no run."""
    of = {stack: [r for r in runs if (r["row"], r["role"], r.get("stack")) == (row.name, role, stack)]
          for stack in ("kernel", "tuntcp")}
    if not of["kernel"] or not of["tuntcp"]:
        return None
    median = {(stack, what): statistics.median(r[what] for r in of[stack])
              for stack in of for what in ("mbit", "repeats")}
    return Cell(median["kernel", "mbit"], median["tuntcp", "mbit"], median["kernel", "repeats"],
                median["tuntcp", "repeats"], min(map(len, of.values())))


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percent(share):
    return f"{100 * share:.2f}"


def marked(text, is_good):
    return text if is_good else f"**{text}**"


def table(runs, role):
    lines = ["| Mbit/s, RTT | path | kernel, Mbit/s | tuntcp | ratio | kernel sent again, % | "
             "tuntcp | ratio |", "|---|---|---|---|---|---|---|---|"]
    for row in ROWS:
        c = cell(runs, row, role)
        if c is None:
            continue
        ratio = "" if c.repeats_ratio is None else number(c.repeats_ratio)
        lines.append(f"| {row.rate}, {row.rtt} ms | {row.text} | {number(c.kernel)} | "
                     f"{number(c.tuntcp)} | {marked(number(c.goodput_ratio), c.has_goodput)} | "
                     f"{percent(c.kernel_repeats)} | {percent(c.tuntcp_repeats)} | "
                     f"{marked(ratio, c.has_few_repeats)} |")
    return lines if len(lines) > 2 else []


def share_of_second(runs, row, pair):
    """The mean share of the flow that begins second; None without runs."""
    shares = [r["second"] / (r["first"] + r["second"]) for r in runs
              if (r["row"], r["role"], r.get("pair")) == (row.name, "fair", pair)]
    return statistics.mean(shares) if shares else None


def fairness_table(runs):
    lines = ["| Mbit/s, RTT | tuntcp's share, %, kernel first | tuntcp first | mean "
             "| second of two kernels |", "|---|---|---|---|---|"]
    for row in FAIR_ROWS:
        second, of_kernel, control = (share_of_second(runs, row, pair) for pair in
                                      ("kernel tuntcp", "tuntcp kernel", "kernel kernel"))
        if None in (second, of_kernel, control):
            continue
        first = 1 - of_kernel
        mean = (first + second) / 2
        lines.append(f"| {row.rate}, {row.rtt} ms | {100 * second:.0f} | {100 * first:.0f} | "
                     f"{marked(f'{100 * mean:.0f}', 0.4 <= mean <= 0.6)} | {100 * control:.0f} |")
    return lines if len(lines) > 2 else []


def summary(runs, role):
    cells = [c for c in (cell(runs, row, role) for row in ROWS) if c]
    rounds = sorted({c.rounds for c in cells})
    span = str(rounds[0]) if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    return (f"tuntcp {ROLES[role]}: goodput is at least {GOODPUT_WANTED} of the kernel's in "
            f"{sum(c.has_goodput for c in cells)} of {len(cells)} rows, the share of octets sent "
            f"again at most {REPEATS_WANTED} of it in {sum(c.has_few_repeats for c in cells)} "
            f"(medians of {span}). What misses is bold.")


def markdown(runs, about, plots=""):
    """The section of docs/performance.md; `plots` is where the plots are, seen from there."""
    lines = [about, ""]
    for role in ROLES:
        rows = table(runs, role)
        if not rows:
            continue
        lines += [f"### tuntcp {ROLES[role]}", "", summary(runs, role), ""]
        if plots:
            lines += [f"![goodput beside the kernel's]({plots}/path-{role}.svg)", ""]
        lines += rows + [""]
    fair = fairness_table(runs)
    if fair:
        lines += ["### Two flows on one queue of 1 BDP", "",
                  "Two senders share a queue, and the first quarter of each run does not count. CUBIC "
                  "needs many seconds until two flows are even, so that it can matter which begins: "
                  "both orders are measured. Each round has another fraction of a packet in its round "
                  "trip, or that fraction alone could decide whose packets find the queue full (phase "
                  "effects: Floyd and Jacobson, 1992). Means; the last column has two kernels.", ""]
        lines += fair + [""]
    return "\n".join(lines)


# ---- Plots. Text by hand: the same runs give the same file, and a change of one row a small change.

WIDTH, LEFT, TOP, PANEL_WIDTH, LINE, GAP = 940, 150, 46, 250, 13, 34
LARGEST = 1.25  # of the scale; what is larger ends there


def plot(runs, role):
    """Goodput of tuntcp over the kernel's: a panel for each rate and round trip, a bar a path."""
    height_of_panel = LINE * len(TROUBLES)
    height = TOP + len(RATES) * (height_of_panel + GAP) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           f'font-family="sans-serif" font-size="10">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           text_at(10, 18, f"Goodput of tuntcp {ROLES[role]}, over the kernel's (the line: "
                   f"{GOODPUT_WANTED})", size=13)]
    for i, rate in enumerate(RATES):
        top = TOP + i * (height_of_panel + GAP)
        for j, name in enumerate(TROUBLES):
            out.append(text_at(LEFT - 6, top + LINE * j + 10, TROUBLES[name][0], anchor="end"))
        for k, rtt in enumerate(ROUND_TRIPS):
            left = LEFT + k * (PANEL_WIDTH + 12)
            out.append(text_at(left, top - 5, f"{rate} Mbit/s, {rtt} ms"))
            out.append(f'<rect x="{left}" y="{top}" width="{PANEL_WIDTH}" '
                       f'height="{height_of_panel}" fill="#f4f4f4"/>')
            out += bars(runs, role, (rate, rtt), left, top)
            wanted = left + PANEL_WIDTH * GOODPUT_WANTED / LARGEST
            out.append(f'<line x1="{wanted:.1f}" x2="{wanted:.1f}" y1="{top}" '
                       f'y2="{top + height_of_panel}" stroke="#333" stroke-dasharray="3 2"/>')
    return "\n".join(out + ["</svg>", ""])


def bars(runs, role, path, left, top):
    for row in ROWS:
        if (row.rate, row.rtt) != path:
            continue
        c = cell(runs, row, role)
        if c is None:
            continue
        y = top + LINE * list(TROUBLES).index(row.trouble)
        width = PANEL_WIDTH * min(c.goodput_ratio, LARGEST) / LARGEST
        yield (f'<rect x="{left}" y="{y + 2}" width="{width:.1f}" height="{LINE - 4}" '
               f'fill="{"#4a7ab5" if c.has_goodput else "#c8553d"}"/>')
        yield text_at(left + width + 3 if width < 0.8 * PANEL_WIDTH else left + 3, y + 10,
                      number(c.goodput_ratio), fill="#000" if width < 0.8 * PANEL_WIDTH else "#fff")


def text_at(x, y, text, anchor="start", size=10, fill="#000"):
    return (f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">'
            f'{html.escape(text)}</text>')
