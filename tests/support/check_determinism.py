#!/usr/bin/env python3
"""runtime/ and io/ ask the operating system for nothing but through the seam: io/kernel.hpp, and runtime/driver.hpp below
a loop. So a simulated kernel can stand behind any program, and the same seed gives the same run.

Looked at twice. The sources, for clocks, random devices, threads and calls that are written ::name(...): headers, too, and
with lines. The compiled objects, for what they import from libc and the standard library: nothing escapes that, however it
is written; what is neither harmless nor in the list of exceptions is complained about, a function that nobody has thought
of included. Before that, what is planted into a copy of the tree must be found.
"""
import pathlib
import re
import shutil
import subprocess
import tempfile

import syntax

LAYERS = ("runtime", "io")
ANYTHING = None

# File: the names it may use, and why.
EXCEPTIONS = {
    "io/real_kernel.cpp": (ANYTHING, "Linux, behind the seam"),
    "io/detail/linux_calls.cpp": (ANYTHING, "Linux, behind the seam"),
    "io/detail/linux_ipc.cpp": (ANYTHING, "Linux, behind the seam"),
    "io/detail/spawn.cpp": (
        ("syscall", "clone", "getpid", "getenv", "environ", "pthread_sigmask"),
        "Linux, behind process_calls::spawn"),
    "io/detail/left_children.cpp": (("waitid",), "Linux, behind process_calls::leave"),
    "io/detail/write_at_once.cpp": (ANYTHING, "Linux, behind file_calls::write_at_once"),
    "io/stall_watchdog.cpp": (
        ANYTHING, "watches real time from a thread of its own, and changes nothing that a task could see"),
    "io/detail/fork_count.cpp": (("pthread_atfork",), "finds out that a ring is used by a forked child, to end that"),
    "io/fd.cpp": (("close",), "for a thread that has no ring"),
    "io/run.cpp": (("_exit",), "the second Ctrl-C"),
    "io/sim/detail/other_threads.cpp": (
        ("this_thread", "nanosleep"), "before a deadlock is reported: another thread may be about to wake the kernel"),
    "io/sim/search.cpp": (("getenv",), "which seeds a sweep takes"),
    "io/sim/detail/socket.cpp": (
        ("getpid", "getuid", "getgid"), "SO_PEERCRED: hosts are this process, and the tests of both kernels expect it"),
    "io/sim/detail/shared_memory.cpp": (("mmap", "munmap"), "memory"),
    "io/sim/detail/process_stack.cpp": (
        ("getcontext", "makecontext", "setcontext", "swapcontext"), "stacks of simulated processes"),
    "io/detail/buffer_pool.cpp": (("mmap", "munmap"), "memory"),
    "runtime/fiber_stack.cpp": (("mmap", "munmap", "mprotect", "sysconf"), "memory"),
    "runtime/frame_blocks.cpp": (("mmap", "munmap"), "memory"),
    "runtime/driver.cpp": (("random_device",), "what a driver gives that does not simulate"),
    "runtime/loop.cpp": (("this_thread", "sched_yield"), "waits, at its end, for another thread that is inside a post()"),
    "runtime/testing.cpp": (("condition_variable",), "a virtual clock waits for a post() that was announced"),
}

CLOCK_OR_THREAD = re.compile(
    r"(?P<clock>\w+_clock)::now\b|\b(?P<random>random_device)\b|std::(?P<thread>j?thread|this_thread|async|condition_variable\w*)"
    r"|(?<![\w.>:])(?P<call>syscall|clock_gettime|gettimeofday|getrandom|pthread_create)\s*\("
    r"|\bstd::(?P<std>time|clock|rand|getenv|fopen|signal|raise|filesystem|[io]?fstream)\b")
GLOBAL_CALL = re.compile(r"(?<![\w>])::(?P<name>[a-z_]\w*)\(")
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)

# What objects may import: memory, text, numbers, messages to a terminal, and what begins with an underscore, which is the
# compiler's and the libraries' own (but for _exit).
HARMLESS = re.compile(
    r"mem\w+|str\w+|bcmp|malloc|calloc|realloc|free|abort|v?f?s?n?printf|fwrite|fput[cs]|putc|fflush|stderr|stdout"
    r"|inet_\w+|gmtime_r|sig\w+set|sigismember|sigabbrev_np|pthread_(mutex|once|self|key)\w*|(jump|make|ontop)_fcontext"
    r"|io_uring_prep_\w+|to(upper|lower)|is(alpha|digit|space|alnum)|l?l?round|pow|log2?|exp2?|floor|ceil|ldexp|qsort|bsearch"
    r"|_.*")
GLIBC_FORM = re.compile(r"__(?:isoc\d+_)?(\w+?)(?:_chk|_2)$")
CPP_SYMBOL = re.compile(
    r"std::(?:chrono::)?(?:_V2::)?(?P<clock>\w+_clock)::now|std::(?P<name>random_device|thread|jthread|this_thread"
    r"|condition_variable\w*|filesystem)::|std::basic_(?P<stream>[io]?fstream)<")


def allowed(source, name):
    names, _ = EXCEPTIONS.get(source, ((), ""))
    return names is ANYTHING or name in names


def without_comments(text):
    """The same lines; a `//` in a text is not one, a name in a text is none."""
    def blank(match):
        return "\n" * match.group().count("\n") if match.group().startswith("/") else '""'
    return COMMENT_OR_TEXT.sub(blank, text)


def complaints_about_source(root, path):
    source = str(path.relative_to(root))
    lines = without_comments(path.read_text(encoding="utf-8")).splitlines()
    for number, line in enumerate(lines, 1):
        found = list(CLOCK_OR_THREAD.finditer(line)) + list(GLOBAL_CALL.finditer(line))
        for name in sorted({next(filter(None, match.groups())) for match in found}):
            if not HARMLESS.fullmatch(name) and not allowed(source, name):
                yield f"{source}:{number} uses {name} directly, which a simulated kernel cannot see"


def imports_of(object_file):
    run = subprocess.run(["nm", "--undefined-only", "--format=posix", object_file], text=True, capture_output=True, check=True)
    return [line.split()[0] for line in run.stdout.splitlines()]


def plain_name(symbol):
    """fcntl of fcntl64, read of __read_chk."""
    form = GLIBC_FORM.fullmatch(symbol)
    return re.sub(r"64(?:_time)?$", "", form.group(1) if form else symbol)


def system_names(symbols):
    c_names = {plain_name(symbol) for symbol in symbols if not symbol.startswith("_Z")}
    yield from (name for name in c_names if not HARMLESS.fullmatch(name) or name == "_exit")
    demangled = subprocess.run(["c++filt"], input="\n".join(s for s in symbols if s.startswith("_Z")), text=True,
                               capture_output=True, check=True).stdout
    yield from {next(filter(None, match.groups())) for match in CPP_SYMBOL.finditer(demangled)}


def complaints_about_object(source, object_file):
    for name in sorted(system_names(imports_of(object_file))):
        if not allowed(source, name):
            yield f"{source}, compiled, uses {name}, which a simulated kernel cannot see"


def sources_below(root):
    return sorted(path for layer in LAYERS for path in (root / layer).rglob("*.[hc]pp"))


def all_complaints_about_sources(root):
    return [complaint for path in sources_below(root) for complaint in complaints_about_source(root, path)]


def all_complaints_about_objects():
    folders = sorted(syntax.BUILD.glob("libringmill.*.p"))
    found, complaints = 0, []
    for path in sources_below(syntax.ROOT):
        source = str(path.relative_to(syntax.ROOT))
        for folder in folders:
            object_file = folder / (source.replace("/", "_") + ".o")
            if object_file.exists():
                found += 1
                complaints += complaints_about_object(source, object_file)
    return found, complaints


PLANTED = (
    "inline auto planted() { return std::chrono::steady_clock::now(); }",
    "inline unsigned planted() { return std::random_device()(); }",
    "inline void planted() { std::thread([] {}).join(); }",
    "inline int planted() { return ::getpid(); }",
    "inline long planted() { return syscall(39); }",
    "inline long planted() { return std::time(nullptr); }",
)
HARMLESS_TEXT = 'void close(); void read() { close(); } const char* text = "::getpid() and std::thread"; auto n = ::strnlen("", 1);'
PLANTED_IN_OBJECT = """
#include <unistd.h>
#include <chrono>
#include <random>
int one() { return getppid(); }
auto two() { return std::chrono::system_clock::now(); }
unsigned three() { return std::random_device()(); }
"""


def self_test():
    """Complaints about what was planted and not found."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for layer in LAYERS:
            shutil.copytree(syntax.ROOT / layer, copy / layer)
        expected = {complaint.split(":")[0] for complaint in all_complaints_about_sources(copy)}
        for index, text in enumerate(PLANTED):
            for place in (f"io/planted_{index}.hpp", f"runtime/planted_{index}.cpp"):
                (copy / place).write_text(f"// steady_clock::now() and ::getpid() in a comment\n{text}\n", encoding="utf-8")
                expected.add(place)
        (copy / "io/harmless.cpp").write_text(HARMLESS_TEXT, encoding="utf-8")
        found = {complaint.split(":")[0] for complaint in all_complaints_about_sources(copy)}
        for place in sorted(found ^ expected):
            yield f"the check itself is broken: {(copy / place).read_text(encoding='utf-8')!r} in {place}"
        source, object_file = copy / "planted.cpp", copy / "planted.o"
        source.write_text(PLANTED_IN_OBJECT, encoding="utf-8")
        subprocess.run(syntax.LANGUAGE + ["-c", source, "-o", object_file], check=True)
        found = sorted(system_names(imports_of(object_file)))
        if found != ["getppid", "random_device", "system_clock"]:
            yield f"the check itself is broken: of getppid, random_device and system_clock in an object it finds {found}"


def unused_exceptions():
    return [f"{name} has an exception and is not there" for name in EXCEPTIONS if not (syntax.ROOT / name).exists()]


found, of_objects = all_complaints_about_objects()
complaints = list(self_test()) + unused_exceptions() + all_complaints_about_sources(syntax.ROOT) + of_objects
print(f"{len(sources_below(syntax.ROOT))} sources, {found} objects, {len(EXCEPTIONS)} exceptions")
syntax.finish(complaints, "determinism")
