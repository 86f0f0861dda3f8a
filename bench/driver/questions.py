"""What is asked: by name, each a function of the effort that gives a Question, or an answer that a program has."""
import dataclasses
import json

import idle
import peers
from load import Load
from programs import RELEASE, Program
from rounds import Failed, Question, Subject


@dataclasses.dataclass(frozen=True)
class Effort:
    """How hard to try."""
    is_quick: bool = False
    rounds: int | None = None      # None: what the question takes for a good figure
    has_peers: bool = True
    generator: str = "http_load"

    def load(self):
        return Load(0.4 if self.is_quick else 1, self.generator, must_be_busy=not self.is_quick)

    def options(self):
        """Of the programs that measure by themselves."""
        return (["--quick"] if self.is_quick else []) + (["--rounds", str(self.rounds)] if self.rounds else [])

    def chosen(self, programs):
        """Without the others' if they are not wanted."""
        return programs if self.has_peers else {name: program for name, program in programs.items()
                                                if name == peers.BY_HAND or name.startswith(peers.OURS)}


def subjects(programs, sample):
    """One for each program; built when it is measured for the first time."""
    def of(name, program):
        prepared = []

        def once():
            if not prepared:
                program.prepare()
                prepared.append(True)
            return sample(program)
        return Subject(name, once)
    return [of(name, program) for name, program in programs.items()]


def echo(bytes_each, connections):
    def question(effort):
        load = effort.load()

        def sample(program):
            with program.serving() as (port, process):
                return load.of_busy_server(f"127.0.0.1:{port}", process, "--echo", bytes_each, "--connections", connections,
                                           figure="rate")
        return Question(f"echo_{bytes_each}x{connections}",
                        f"Echo: {bytes_each} bytes, {connections} connections, one core",
                        subjects(effort.chosen(peers.ECHO), sample), (peers.BY_HAND,), "rate", "requests/s", True,
                        (("cpu", "us of CPU"), ("p99", "p99 us"), ("server_busy", "busy")))
    return question


def http(name, title, *options):
    def question(effort):
        load = effort.load()

        def sample(program):
            with program.serving() as (port, process):
                return load.of_busy_server(f"http://127.0.0.1:{port}/", process, "--connections", 64, *options, figure="cpu")
        return Question(name, title, subjects(effort.chosen(peers.HTTP), sample), ("nginx", peers.BY_HAND), "cpu",
                        "us of CPU/request", False, (("rate", "requests/s"), ("p99", "p99 us"), ("server_busy", "busy")))
    return question


def idle_connections(effort):
    count = 500 if effort.is_quick else 5000

    def sample(program):
        with program.serving() as (port, process):
            return {"bytes": idle.bytes_of_each(port, process, count)}
    return Question("idle", f"Memory of each of {count:,} idle connections that have echoed a message",
                    subjects(effort.chosen(peers.IDLE), sample), (peers.BY_HAND,), "bytes", "bytes", False, (), 3)


def sleepers(effort):
    count = 20_000 if effort.is_quick else 1_000_000
    program = Program((str(RELEASE / "bench/runtime"), "--json", *effort.options(), "sleepers_bytes", "sleepers_seconds"))

    def of_ours(which):
        def sample():
            lines = {line["bench"]: line[which] for line in map(json.loads, program.run().splitlines())}
            return {"bytes": lines["sleepers_bytes"], "seconds": lines["sleepers_seconds"]}
        return sample
    own = [Subject(peers.BY_HAND, of_ours("limit")), Subject(peers.OURS, of_ours("value"))]
    seconds = {peer: 2 if effort.is_quick else length for peer, length in peers.SLEEPERS.values()}
    others = subjects({name: peer for name, (peer, _) in peers.SLEEPERS.items()} if effort.has_peers else {},
                      lambda peer: json.loads(peer.run(count, seconds[peer])))
    return Question("sleepers", f"{count:,} tasks that sleep: memory of each, and seconds to start and end all", own + others,
                    (peers.BY_HAND,), "bytes", "bytes", False, (("seconds", "seconds"),), 1)


def mixed(effort):
    """First `/` alone, then beside four clients that have it compute all the time. A fixed rate, so that all have the same
    work to do, and lateness counts from when a request was due."""
    load = effort.load()
    rate = ["--rate", 4000] if effort.generator == "http_load" else []

    def sample(program):
        with program.serving(core=None) as (port, process):
            url = f"http://127.0.0.1:{port}/"
            alone = load.on(url, process, "--connections", 8, *rate, core=None)
            computing = load.started(url + "cpu", process, "--connections", 4, core=None)
            beside = load.on(url, process, "--connections", 8, *rate, core=None)
            return {"p99": beside["p99"], "alone": alone["p99"], "rate": beside["rate"], "computed": computing()["rate"]}
    return Question("mixed", "Latency at 4,000 requests/s while four clients have the server compute",
                    subjects(effort.chosen(peers.MIXED), sample), ("aiohttp, 2 processes",), "p99", "us (p99)", False,
                    (("alone", "p99 alone"), ("rate", "requests/s"), ("computed", "computed/s")), 5)


@dataclasses.dataclass(frozen=True)
class Measures:
    """Answered by a program of its own, which has its limits in it: bench/runtime, io, offload."""
    name: str
    title: str
    program: str
    measures: tuple
    has_peers: bool = False    # those of bench/peers that print lines for it

    def lines(self, effort):
        """One for each measure, as the program prints them; what peers print besides; and why one has printed nothing."""
        program = Program((str(RELEASE / "bench" / self.program), "--json", *effort.options(), *self.measures))
        found = list(map(json.loads, program.run().splitlines()))
        return (found, *(add_peers(found) if self.has_peers and effort.has_peers else ([], {})))


# What the others' programs call that which is a measure of ours.
SAME_AS = {"round_trip": "round_trip_across", "tasks": "tasks_16x2", "payload": "payload_1mib"}


def add_peers(lines):
    """Runs the others' programs, and puts what they print into `peers` of the measures that it belongs to. Gives the lines
    that belong to none, and why a program has printed nothing."""
    by_name, besides, failures = {line["bench"]: line for line in lines}, [], {}
    for name, program in peers.OFFLOAD.items():
        try:
            program.prepare()
            printed = program.run()
        except Failed as failure:
            failures[name] = str(failure)
            continue
        for line in map(json.loads, printed.splitlines()):
            measure = by_name.get(SAME_AS.get(line["bench"], line["bench"]))
            if measure:
                measure["peers"][line["peer"]] = in_unit(measure["unit"], line)
            else:
                besides.append(line)
    return besides, failures


def in_unit(unit, line):
    """A rate as microseconds, where ours are microseconds."""
    return 1e6 / line["value"] if unit == "us" and line["unit"].endswith("/s") else line["value"]


def measures(*arguments, **options):
    return lambda effort: Measures(*arguments, **options)


QUESTIONS = {
    "echo_64x64": echo(64, 64),
    "echo_4096x64": echo(4096, 64),
    "echo_64x512": echo(64, 512),
    "http_hello": http("http_hello", "HTTP hello, 64 connections, keep-alive, one core"),
    "http_pipelined": http("http_pipelined", "HTTP hello, sixteen requests at once on each of 64 connections", "--pipeline", 16),
    "coroutines": measures("coroutines", "Coroutines, tasks and timers", "runtime",
                           ("await_child", "await_child_suspending", "spawn_join", "yield", "yield_alone", "cancel_level",
                            "channel_handover", "fiber_round_trip", "timer_arm_cancel", "timer_arm_cancel_clock", "with_timeout")),
    "sleepers": sleepers,
    "idle": idle_connections,
    "io": measures("io", "Connections and files", "io", ("accept_rate", "accept_cpu", "idle_connection_bytes", "file_read_4k")),
    "offload": measures("offload", "Calls into worker processes", "offload", (), has_peers=True),
    "mixed": mixed,
}
# In --quick, without names.
CORE = ("echo_64x64", "http_hello", "coroutines", "io", "offload", "mixed")
