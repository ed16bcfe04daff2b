"""Drops what TensorFlow says of itself while it is imported."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Copies lines other than information, as in "I0000 00:00:17.5 port.cc:153] ..."
# or "2026-01-01 10:00:00.1: I tensorflow/core/...". It is a process, so that
# the last words of a crash are printed too.
FILTER = r"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
information = re.compile(
    rb"I\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d \S+ I |"
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called"
)
for line in sys.stdin.buffer:
    if not information.match(line):
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
"""


@contextlib.contextmanager
def without_information() -> Iterator[None]:
    """A context that drops lines of information from the standard error.

    TensorFlow's C++ code prints some before it reads TF_CPP_MIN_LOG_LEVEL, so
    that no value hides them. Warnings and errors are printed. If the user has
    set the level to 0, everything is.
    """
    if os.environ.setdefault(LEVEL, "1") == "0":
        yield
        return
    sys.stderr.flush()
    command = [sys.executable, "-I", "-S", "-c", FILTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=2) as process:
        standard_error = os.dup(2)
        if process.stdin is not None:  # as asked for above
            os.dup2(process.stdin.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)
