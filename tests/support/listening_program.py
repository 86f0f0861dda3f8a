"""A program that says where it listens, for checks that look at it from outside."""
import re
import signal
import subprocess


class listening_program:
    """Ended by SIGINT, or killed by whatever goes wrong."""

    def __init__(self, *command):
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.program.stdout.readline()
        match = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        assert match, f"{command} says {line!r}"
        self.port = int(match[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.program.poll() is None:
            self.program.kill()
            self.program.communicate()

    def interrupt(self):
        """Its exit code, and what it said."""
        self.program.send_signal(signal.SIGINT)
        out, err = self.program.communicate(timeout=20)
        return self.program.returncode, out, err
