"""tools/bench-path: one short row from end to end, and what it makes of runs."""

import json
import os
import sys
import tempfile
import xml.dom.minidom

from stack import PROGRAM, Case, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))

from path import report  # noqa: E402
from path.rows import ROWS, Row, chosen  # noqa: E402

BENCH = os.path.join(ROOT, "tools", "bench-path")


def runs_of(row, role, stack, *results):
    """Runs with these goodputs and shares of repeated octets."""
    return [{"row": row, "role": role, "stack": stack, "round": i, "seconds": 1, "mbit": mbit,
             "repeats": repeats, "late_us_p99": 100} for i, (mbit, repeats) in enumerate(results)]


class BenchPath(Case):
    def bench(self, *options, **expected):
        return run(sys.executable, "-B", BENCH, "--tuntcp", PROGRAM, *options, **expected)

    def test_a_row_is_measured_reported_and_completed(self):
        with tempfile.TemporaryDirectory() as folder:
            options = ("10:20:queue1", "--seconds", "1.5", "--fair", "no", "--output", folder)
            out = self.bench(*options, "--rounds", "1").stdout
            self.assertRegex(out, r"10:20:queue1 +sender +kernel +\d")
            with open(os.path.join(folder, "runs.jsonl"), encoding="utf-8") as file:
                runs = [json.loads(line) for line in file]
            self.assertEqual(sorted((r["role"], r["stack"]) for r in runs),
                             [(role, stack) for role in ("receiver", "sender")
                              for stack in ("kernel", "tuntcp")])
            kernel = next(r for r in runs if (r["role"], r["stack"]) == ("sender", "kernel"))
            # 10 Mbit/s less the headers, 1448 of 1500, and slow start.
            self.assertGreater(kernel["mbit"], 6)
            self.assertLess(kernel["mbit"], 9.7)
            # With --add only what is missing is measured: the runs so far stay.
            self.bench(*options, "--rounds", "2", "--add")
            with open(os.path.join(folder, "runs.jsonl"), encoding="utf-8") as file:
                again = [json.loads(line) for line in file]
            self.assertEqual(again[:4], runs)
            self.assertEqual(len(again), 8)
            for role in report.ROLES:
                xml.dom.minidom.parse(os.path.join(folder, f"path-{role}.svg"))
            with open(os.path.join(folder, "table.md"), encoding="utf-8") as file:
                self.assertIn("| 10, 20 ms | queue of 1 BDP |", file.read())

    def test_wrong_usage(self):
        for options, tells in ((("no:such:row",), "no row matches"), (("--rounds", "0"), "--rounds"),
                               (("--seconds", "0"), "--seconds"), (("--role", "both?"), "--role"),
                               (("--tuntcp", "/no/such"), "/no/such is no program")):
            result = run(sys.executable, "-B", BENCH, "--tuntcp", PROGRAM, *options, status=None)
            self.assertNotEqual(result.returncode, 0, options)
            self.assertIn(tells, result.stderr)

    def test_a_knob_that_tuntcp_refuses_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            out = self.bench("10:2:queue1", "--seconds", "0.5", "--rounds", "1", "--fair", "no",
                             "--output", folder, "--set", "net.ipv4.tcp_no_such=1",
                             status=1).stdout
            self.assertRegex(out, "10:2:queue1 sender: .*tcp_no_such.*no such knob")


class BenchPathReport(Case):
    ROW = "100:20:loss1"

    def cell(self, kernel, tuntcp):
        runs = runs_of(self.ROW, "sender", "kernel", *kernel)
        runs += runs_of(self.ROW, "sender", "tuntcp", *tuntcp)
        return runs, report.cell(runs, Row(100, 20, "loss1"), "sender")

    def test_medians_decide(self):
        _, cell = self.cell([(10, .01), (20, .02), (90, .5)], [(1, .9), (19, .022), (19.5, .001)])
        self.assertEqual((cell.kernel, cell.tuntcp), (20, 19))
        self.assertEqual((cell.kernel_repeats, cell.tuntcp_repeats), (.02, .022))
        self.assertTrue(cell.has_goodput)
        self.assertTrue(cell.has_few_repeats)

    def test_what_misses_is_bold(self):
        runs, cell = self.cell([(20, .02)], [(18.9, .0224)])
        self.assertFalse(cell.has_goodput)
        self.assertFalse(cell.has_few_repeats)
        self.assertIn("| 20.0 | 18.9 | **0.94** | 2.00 | 2.24 | **1.12** |",
                      report.table(runs, "sender")[2])
        self.assertIn("in 0 of 1 rows", report.summary(runs, "sender"))

    def test_nothing_sent_again_is_no_ratio(self):
        runs, cell = self.cell([(20, 0)], [(20, 0)])
        self.assertIsNone(cell.repeats_ratio)
        self.assertTrue(cell.has_few_repeats)
        self.assertEqual(report.table(runs, "receiver"), [])

    def test_two_flows_on_one_queue(self):
        """Beside other runs: tuntcp's share when it begins second and first; a mean outside of 40 to 60
        is bold."""
        runs, _ = self.cell([(20, .02)], [(20, .02)])

        def fair(pair, *results):
            return [{"row": "100:20:queue1", "role": "fair", "pair": pair, "round": i, "seconds": 4,
                     "late_us_p99": 1, "repeats": 0, "first": first, "second": second}
                    for i, (first, second) in enumerate(results)]

        self.assertNotIn("Two flows", report.markdown(runs, "Measured."))
        runs += fair("kernel tuntcp", (50, 40), (60, 30), (80, 10))
        runs += fair("kernel kernel", (60, 40))
        runs += fair("tuntcp kernel", (40, 60))
        self.assertIn("| 100, 20 ms | 30 | 40 | **35** | 40 |", report.markdown(runs, "Measured."))
        runs += fair("tuntcp kernel", (70, 30), (80, 20))
        self.assertIn("| 100, 20 ms | 30 | 63 | 46 | 40 |", report.markdown(runs, "Measured."))

    def test_rows(self):
        # 3 rates, 3 round trips, 10 paths.
        self.assertEqual(len(ROWS), 90)
        self.assertEqual(len({row.name for row in ROWS}), 90)
        self.assertEqual([row.name for row in chosen(["1000:100:l*"])],
                         ["1000:100:loss0.1", "1000:100:loss1", "1000:100:loss3"])
        # 100 Mbit/s for 20 ms are 250,000 octets.
        self.assertEqual(Row(100, 20, "queue0.5").queue, 125_000)
        self.assertEqual(Row(10, 2, "queue0.1").queue, 3_000)

    def test_chance_strikes_the_direction_of_the_text_and_ack_loss_the_other(self):
        self.assertIn("--ab-loss 3% ", " ".join(Row(10, 2, "loss3").link_options("ab")) + " ")
        self.assertIn("--ba-victims text --ba-burst 1%:4",
                      " ".join(Row(10, 2, "burst").link_options("ba")))
        self.assertIn("--ba-loss 5% ", " ".join(Row(10, 2, "ackloss").link_options("ab")) + " ")
        # Held back by up to four packets' time at least: 4.8 ms; or a quarter of 100 ms.
        self.assertIn("1%:4.8ms", Row(10, 2, "reorder").link_options("ab"))
        self.assertIn("1%:25ms", Row(10, 100, "reorder").link_options("ab"))

    def test_a_phase_is_a_part_of_a_packet_in_the_round_trip(self):
        self.assertIn("10ms", Row(100, 20, "queue1").link_options("ba"))
        # A packet of 1500 octets takes 120 us, and half of the round trip is each way's.
        self.assertIn("10.03ms", Row(100, 20, "queue1").link_options("ba", phase=0.5))
