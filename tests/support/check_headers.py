#!/usr/bin/env python3
"""Every public header compiles alone, names no third-party header, and costs those who include it no more than the budget.

Third-party headers: users need none of those to be installed. The budget is in lines after preprocessing, which is most
of what a file that includes little else waits for; it is for libstdc++ 12, and with another one the counts are only
printed. The umbrella header ringmill.hpp is exempt: whoever includes it has chosen to wait. Its count is printed.
"""
import re
import syntax

BUDGET = 40_000
EXCEPTIONS = {
    # A world of hosts with tasks, child processes and disks; what a sweep of many tells; and workers in it.
    "io/sim/world.hpp": 41_000,
    "io/sim/search.hpp": 41_000,
    "offload/sim_workers.hpp": 41_000,
    # A pool, and a generator of the coroutine kind: both layers of templates come together here.
    "offload/stream.hpp": 42_000,
    # Functions get a std::stop_token from it, as with runtime/stop_token.hpp.
    "offload/thread_pool.hpp": 44_000,
    # Its interface is std::stop_token: <stop_token> brings <thread> and <semaphore>, 11,000 lines more than a task needs,
    # and the link between threads is a std::shared_ptr (<memory>, 3,000 more).
    "runtime/stop_token.hpp": 48_000,
    # A nursery and a oneshot: what std::function and std::shared_ptr need comes together here.
    "runtime/started.hpp": 41_000,
}
THIRD_PARTY = re.compile(r'^\s*#\s*include\s*[<"]((?:liburing|boost/|openssl/|fmt/)[^>"]*)', re.MULTILINE)


def third_party_includes(header):
    text = (syntax.ROOT / header).read_text(encoding="utf-8")
    return [f"{header} includes <{name}>, which belongs into a .cpp or under detail/" for name in THIRD_PARTY.findall(text)]


def include(name):
    return f"#include <ringmill/{name}>\n"


def lines_of(name):
    return len(syntax.preprocess(include(name)))


def over_budget(name, count):
    budget = EXCEPTIONS.get(name, BUDGET)
    if count <= budget:
        return []
    return [f"{name} is {count:,} lines after preprocessing, the budget is {budget:,}: see what it includes for the sake of "
            "a few names; runtime/detail/ has small substitutes for <chrono>, <functional> and <memory>, and a .cpp may "
            "include what it likes"]


names = [str(header) for header in syntax.public_headers()]
complaints = [complaint for name in names for complaint in third_party_includes(name)]
complaints += syntax.compile_all({name: include(name) for name in names + ["ringmill.hpp", "version.hpp"]})
counts = dict(zip(names, syntax.in_parallel(lines_of, names)))
library = syntax.preprocess("#include <version>\n_GLIBCXX_RELEASE\n")[-1]
if library == "12":
    complaints += [complaint for name, count in counts.items() for complaint in over_budget(name, count)]
# GCC and clang differ by a hundred lines: an exception that one of them needs is none too many for the other.
complaints += [f"{name} has an exception from the budget and does not need it" for name in EXCEPTIONS
               if counts.get(name, 0) <= BUDGET * 0.99 and library == "12"]
largest = max(set(counts) - set(EXCEPTIONS), key=counts.get)
print(f"after preprocessing: ringmill.hpp {lines_of('ringmill.hpp'):,} lines, {largest} {counts[largest]:,}")
syntax.finish(complaints, f"{len(names) + 2} headers")
