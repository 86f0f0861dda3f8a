#!/usr/bin/env python3
"""The driver of the benchmarks: its statistics and tables from made-up samples, and a short run of the whole.

    check_bench_driver.py            # what needs no program
    check_bench_driver.py BUILD      # and a run without peers, with the programs of that build folder

Nothing here depends on how fast anything is.
"""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = ROOT / "bench/driver"
sys.path.insert(0, str(DRIVER))
BUILD = sys.argv.pop() if len(sys.argv) > 1 and not sys.argv[-1].startswith("-") else None

import documents  # noqa: E402
import figures  # noqa: E402
import load  # noqa: E402
import plot  # noqa: E402
import programs  # noqa: E402
import questions  # noqa: E402
import results  # noqa: E402
import rounds  # noqa: E402
import table  # noqa: E402


def scripted(name, *samples):
    """A subject whose samples are these numbers in turn; None: disturbed; a text: it fails for that reason."""
    left = list(samples)

    def sample():
        value = left.pop(0) if left else samples[-1]
        if value is None:
            raise rounds.Disturbed
        if isinstance(value, str):
            raise rounds.Failed(value)
        return {"cost": value, "other": value * 10}
    return rounds.Subject(name, sample)


def asked(*subjects, wanted=3, is_rate=False):
    question = rounds.Question("made_up", "Made up", list(subjects), ("by hand",), "cost", "us", is_rate, (("other", "tenfold"),))
    return rounds.ask(question, wanted)


def row(answer, name):
    return next(each for each in answer.rows if each.subject == name)


class Statistics(unittest.TestCase):
    def test_a_ratio_says_how_good_for_costs_and_for_rates(self):
        self.assertEqual(figures.ratio(2, 4, is_rate=False), 2)
        self.assertEqual(figures.ratio(2, 4, is_rate=True), 0.5)

    def test_the_spread_is_relative_to_the_median(self):
        self.assertAlmostEqual(figures.spread([0.9, 1.0, 1.2]), 0.3)
        self.assertEqual(figures.spread([5]), 0)

    def test_ratios_are_taken_within_rounds_so_a_machine_that_changes_speed_does_not_matter(self):
        answer = asked(scripted("by hand", 1, 10, 3), scripted("ringmill", 2, 20, 6))
        found = row(answer, "ringmill")
        self.assertEqual((found.ratio, found.spread, found.value), (0.5, 0, 6))

    def test_a_median_of_an_even_number_is_between_the_two(self):
        answer = asked(scripted("by hand", 1, 1), scripted("ringmill", 1, 2), wanted=2)
        self.assertEqual(row(answer, "ringmill").ratio, 0.75)
        self.assertEqual(row(answer, "ringmill").others, {"other": 15})

    def test_the_best_comes_first(self):
        rates = asked(scripted("by hand", 10), scripted("slow", 1), scripted("fast", 20), is_rate=True)
        self.assertEqual([each.subject for each in rates.rows], ["fast", "by hand", "slow"])
        costs = asked(scripted("by hand", 10), scripted("slow", 20), scripted("fast", 1))
        self.assertEqual([each.subject for each in costs.rows], ["fast", "by hand", "slow"])


class Rounds(unittest.TestCase):
    def test_subjects_take_turns_and_every_other_round_goes_backwards(self):
        order = []
        subjects = [rounds.Subject(name, lambda name=name: order.append(name) or {"cost": 1}) for name in "abc"]
        rounds.ask(rounds.Question("q", "Q", subjects, ("a",), "cost", "us", False), 2)
        self.assertEqual("".join(order), "abccba")

    def test_a_disturbed_sample_is_dropped_counted_and_taken_again(self):
        answer = asked(scripted("by hand", 1), scripted("ringmill", None, 2, None, 2, 2))
        found = row(answer, "ringmill")
        self.assertEqual((found.rounds, found.dropped, found.ratio), (3, 2, 0.5))

    def test_a_round_counts_for_a_ratio_only_if_both_were_undisturbed(self):
        answer = asked(scripted("by hand", None, 1, 1, 1), scripted("ringmill", 8, 2, 2, 2))
        self.assertEqual((row(answer, "ringmill").ratio, row(answer, "ringmill").spread), (0.5, 0))
        self.assertEqual(row(answer, "by hand").dropped, 1)

    def test_it_gives_up_after_twice_as_many_rounds(self):
        answer = asked(scripted("by hand", 1), scripted("ringmill", None))
        found = row(answer, "ringmill")
        self.assertEqual((found.rounds, found.dropped, found.ratio, found.value), (0, 6, None, None))
        self.assertIn("no round counted for ringmill", table.of_answer(answer))

    def test_later_rounds_are_only_for_those_who_lack_one(self):
        calls = []
        steady = rounds.Subject("steady", lambda: calls.append(1) or {"cost": 1})
        asked(scripted("by hand", 1), steady, scripted("ringmill", None, 2, 2, 2))
        self.assertEqual(len(calls), 3)

    def test_who_cannot_be_measured_is_left_out_and_named(self):
        answer = asked(scripted("by hand", 1), scripted("ringmill", 1), scripted("Go", "go is not installed"))
        self.assertEqual([each.subject for each in answer.rows], ["by hand", "ringmill"])
        self.assertIn("not measured: Go: go is not installed", table.of_answer(answer))

    def test_without_the_preferred_reference_there_is_another(self):
        question = rounds.Question("q", "Q", [scripted("ringmill", 1)], ("nginx", "by hand"), "cost", "us", False)
        self.assertEqual(rounds.ask(question, 1).reference, "ringmill")


class Disturbance(unittest.TestCase):
    def busy(self, server, generator, figure):
        return not load.is_disturbed({"server_busy": server, "generator_busy": generator}, figure)

    def test_a_rate_counts_only_if_the_server_was_busy(self):
        self.assertTrue(self.busy(0.86, 0.2, "rate"))
        self.assertFalse(self.busy(0.84, 0.99, "rate"))

    def test_the_time_for_a_request_counts_if_either_side_was_busy(self):
        self.assertTrue(self.busy(0.5, 0.9, "cpu"))
        self.assertFalse(self.busy(0.84, 0.84, "cpu"))

    def test_too_many_errors_are_a_failure(self):
        report = {"requests": 1000, "requests_per_second": 1e3, "errors": 2, "cpu_us_per_request": 4,
                  "latency_us": {"p50": 1, "p99": 2}, "server_busy": 1, "generator_busy": None}
        with self.assertRaises(rounds.Failed):
            load.figures_of(report)
        report["errors"] = 1
        self.assertEqual(load.figures_of(report)["generator_busy"], 0)


class Tables(unittest.TestCase):
    def test_columns_line_up(self):
        text = table.lined_up(["", "us"], [["ringmill", "1"], ["Go", "1,000"]])
        self.assertEqual(text.splitlines(), ["             us", "ringmill      1", "Go        1,000"])

    def test_numbers_have_three_or_four_digits(self):
        self.assertEqual([table.number(value) for value in (None, 0.98765, 12.3456, 123.456, 98765.4)],
                         ["-", "0.988", "12.3", "123.5", "98,765"])

    def test_it_says_who_is_ahead(self):
        ahead = asked(scripted("by hand", 1), scripted("ringmill", 2), scripted("libuv", 1.6), scripted("Go", 4))
        self.assertIn("Ahead of ringmill: libuv (1.25x).", table.of_answer(ahead))
        behind = asked(scripted("by hand", 1), scripted("ringmill", 2), scripted("Go", 4))
        self.assertIn("Nobody here is ahead of ringmill.", table.of_answer(behind))

    def test_it_says_what_was_noisy(self):
        self.assertIn("Noisy, measure again: ringmill.", table.of_answer(asked(scripted("by hand", 1), scripted("ringmill", 1, 2, 3))))

    def test_it_says_whose_rate_says_nothing(self):
        server = rounds.Subject("ringmill", lambda: {"rate": 5, "server_busy": 0.3})
        question = rounds.Question("q", "Q", [server], ("ringmill",), "rate", "requests/s", True)
        self.assertIn("Not busy enough to say how many requests a server can answer: ringmill.",
                      table.of_answer(rounds.ask(question, 1)))

    def test_measures_of_a_program_name_the_peers_that_are_ahead(self):
        line = {"bench": "round_trip", "unit": "us", "value": 20, "limit": 10, "ratio": 0.5, "rounds": 3, "spread": 0,
                "peers": {"thread pool": 15, "ProcessPoolExecutor": 134}}
        text = table.of_lines("Calls", [line])
        self.assertIn("Ahead of ringmill: thread pool in round_trip (15 us).", text)
        line |= {"unit": "tasks/s"}
        self.assertIn("Ahead of ringmill: ProcessPoolExecutor in round_trip (134 tasks/s).", table.of_lines("Calls", [line]))
        line |= {"unit": "ratio", "value": 0.9, "limit": 1, "peers": {"faster": 0.95, "slower": 0.8}}
        self.assertIn("Ahead of ringmill: faster in round_trip (0.95 ratio).", table.of_lines("Calls", [line]))

    def test_rates_of_peers_are_put_into_the_unit_of_the_measure(self):
        self.assertEqual(questions.in_unit("us", {"value": 50_000, "unit": "tasks/s"}), 20)
        self.assertEqual(questions.in_unit("us", {"value": 134, "unit": "us"}), 134)
        self.assertEqual(questions.in_unit("1/s", {"value": 134, "unit": "1/s"}), 134)

    def test_what_peers_print_goes_to_the_measure_it_belongs_to(self):
        printed = [{"peer": "Pool", "bench": "round_trip", "unit": "us", "value": 134},
                   {"peer": "Pool", "bench": "lost", "unit": "tasks", "value": 100}]
        talking = programs.Program((sys.executable, "-c", "import sys; print(sys.argv[1])", "\n".join(map(json.dumps, printed))))
        failing = programs.Program((sys.executable, "-c", "raise SystemExit('error: out of luck')"))
        line = {"bench": "round_trip_across", "unit": "us", "peers": {}}
        with unittest.mock.patch.dict(questions.peers.OFFLOAD, {"Pool": talking, "Other": failing}, clear=True):
            besides, failures = questions.add_peers([line])
        self.assertEqual(line["peers"], {"Pool": 134})
        self.assertEqual(besides, printed[1:])
        self.assertIn("out of luck", failures["Other"])
        self.assertEqual(table.in_words(besides), ["lost: Pool 100 tasks"])

    def test_a_plot_is_well_formed_and_names_all(self):
        picture = plot.bars("A & B", "note", [("ringmill", 1.0, "1"), ("a < b", 4.0, "4"), ("nothing", None, "-")])
        xml.etree.ElementTree.fromstring(picture)
        self.assertIn("a &lt; b", picture)
        self.assertNotIn("nothing", picture)
        self.assertNotIn("Logarithmic", picture)
        self.assertIn("prefers-color-scheme: dark", picture)


    def test_bars_are_in_proportion_unless_one_would_hide_the_others(self):
        self.assertEqual([plot.width_of(length, [1, 2, 4]) for length in (1, 2, 4)], [0.25, 0.5, 1])
        self.assertEqual([round(plot.width_of(length, [1, 100, 10_000]), 2) for length in (1, 100, 10_000)], [0.1, 0.55, 1])
        self.assertIn("Logarithmic", plot.bars("A", "note", [("a", 1, "1"), ("b", 1000, "1000")]))

    def test_titles_fit_into_plots(self):
        for name, make in questions.QUESTIONS.items():
            self.assertLessEqual(len(make(questions.Effort()).title), 80, name)


class Documents(unittest.TestCase):
    machine = {"date": "2026-01-02", "processor": "P", "cores": 2, "kernel": "6.1.0-9", "load_before": 3.2, "versions": {"Go": "1.19"}}

    def result(self, *subjects):
        answer = asked(*subjects, scripted("Node", "node is not installed"))
        return json.loads(json.dumps(results.of_answer(answer, self.machine, questions.Effort())))

    def test_figures_are_put_between_the_comments_and_again_in_their_place(self):
        text = f"before\n{documents.BEGIN}\n{documents.END}\nafter\n"
        once = documents.replaced(text, "some \\1 figures")
        self.assertEqual(once, f"before\n{documents.BEGIN}\nsome \\1 figures\n{documents.END}\nafter\n")
        self.assertEqual(documents.replaced(once, "others"), once.replace("some \\1 figures", "others"))
        with self.assertRaises(ValueError):
            documents.replaced("no place", "figures")

    def test_the_summary_relates_all_to_ringmill_and_marks_who_is_faster(self):
        result = self.result(scripted("by hand", 1), scripted("ringmill", 2), scripted("libuv", 1.6), scripted("Go", 4))
        text = documents.summary({"echo_64x64": result})
        self.assertIn("| Made up | 2 us | 2.00 | **libuv 1.25**, Go 0.50 |", text)
        self.assertIn("2026-01-02, P, 2 cores, Linux 6.1.0; Go 1.19. Others used the machine meanwhile (load 3.2).", text)

    def test_calls_are_in_the_summary_with_the_fastest_first(self):
        row = {"bench": "payload_1mib", "unit": "us", "value": 30, "limit": 24, "ratio": 0.8, "spread": 0, "rounds": 3,
               "peers": {"slow": 3000, "fast": 20}}
        text = documents.summary({"offload": {"rows": [row, row | {"bench": "crash_to_ready"}], "machine": self.machine}})
        self.assertIn("| A call with 1 MiB of arguments | 30 us | 1.25 | **fast 1.50**, slow 0.01 |", text)
        self.assertEqual(text.count("us |"), 1)

    def test_the_full_text_has_a_table_a_plot_and_who_is_missing(self):
        text = documents.in_full({"echo_64x64": self.result(scripted("by hand", 1), scripted("ringmill", 2))})
        self.assertIn("| **ringmill** | 2 | 0.50 | 0.00 | 3, 0 |", text)
        self.assertIn("![Made up](results/echo_64x64.svg)", text)
        self.assertIn("Nobody here is ahead of ringmill. Not measured: Node (node is not installed).", text)

    def test_both_documents_have_a_place_for_figures(self):
        for name in ("README.md", "bench/README.md"):
            documents.replaced((ROOT / name).read_text(encoding="utf-8"), "")


def drive(*words, folder="/dev/null"):
    return subprocess.run([sys.executable, str(DRIVER), *words, "--output", str(folder)], capture_output=True, text=True,
                          timeout=120, check=False, env=os.environ | ({"BUILD_ROOT": BUILD} if BUILD else {}))


class Arguments(unittest.TestCase):
    def test_what_is_wrong_gives_the_usage_and_2(self):
        for words in (["no_such_question"], ["--rounds", "0"], ["--rounds", "many"], ["--no-such-option"]):
            done = drive("--check", *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("usage: ./dev bench", done.stderr)

    def test_all_names_are_known(self):
        self.assertEqual(drive("--check", *questions.QUESTIONS, "--quick", "--rounds", "3").returncode, 0)
        self.assertLessEqual(set(questions.CORE), set(questions.QUESTIONS))


def first_child(parent, name):
    """The first child of a process whose program's name begins so; waits for it, and fails after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split():
            try:
                if pathlib.Path(f"/proc/{child}/comm").read_text(encoding="ascii").startswith(name):
                    return int(child)
            except OSError:
                pass  # it has ended meanwhile
        time.sleep(0.01)
    raise AssertionError(f"no child of that name: {name}")


@unittest.skipUnless(BUILD, "needs the programs of a build folder")
class Run(unittest.TestCase):
    def test_a_short_run_without_peers_prints_tables_and_writes_results(self):
        names = ["echo_64x64", "http_hello", "coroutines"]
        with tempfile.TemporaryDirectory() as folder:
            done = drive(*names, "--quick", "--rounds", "1", "--no-peers", folder=folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            for name in names:
                results = json.loads((pathlib.Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
                self.assertTrue(results["quick"])
                self.assertIn("kernel", results["machine"])
                self.assertTrue(results["rows"], name)
                for each in results["rows"]:
                    self.assertTrue(math.isfinite(each["value"]) and each["value"] > 0, each)
                    self.assertIn(each["bench"], done.stdout if name == "coroutines" else names)
                xml.etree.ElementTree.parse(pathlib.Path(folder) / f"{name}.svg")
            servers = json.loads((pathlib.Path(folder) / "echo_64x64.json").read_text(encoding="utf-8"))
            self.assertEqual({each["subject"] for each in servers["rows"]}, {"by hand", "ringmill"})
            self.assertEqual(servers["reference"], "by hand")
            self.assertNotIn("not measured", done.stdout)

    def test_when_it_is_told_to_end_it_ends_the_servers_too(self):
        with tempfile.TemporaryDirectory() as folder:
            driver = subprocess.Popen([sys.executable, str(DRIVER), "echo_64x64", "--no-peers", "--output", folder],
                                      stdout=subprocess.DEVNULL, env=os.environ | {"BUILD_ROOT": BUILD})
            server = first_child(driver.pid, "echo_")
            driver.terminate()
            self.assertEqual(driver.wait(timeout=30), 128 + 15)
            self.assertFalse(pathlib.Path(f"/proc/{server}").exists())

    def test_a_program_that_is_missing_is_named_and_ends_with_1(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, str(DRIVER), "coroutines", "--quick", "--output", folder], capture_output=True,
                                  text=True, timeout=60, check=False, env=os.environ | {"BUILD_ROOT": folder})
            self.assertEqual(done.returncode, 1)
            self.assertIn("bench/runtime", done.stderr)


if __name__ == "__main__":
    unittest.main()
