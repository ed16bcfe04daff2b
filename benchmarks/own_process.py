"""Measuring each case in a process of its own."""

import json
import resource
import subprocess
import sys


def peak_bytes():
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_case(script, case, interpreter=sys.executable, **kwargs):
    """What `script --run CASE` prints last, or None where it fails.

    Args:
        script: Path of the script.
        case: What it is to measure, as JSON can hold it.
        interpreter: The Python to run it with.
        **kwargs: Those of `subprocess.run`.
    """
    try:
        result = subprocess.run(
            [interpreter, script, "--run", json.dumps(case)],
            capture_output=True,
            text=True,
            **kwargs,
        )
    except subprocess.TimeoutExpired:
        return None
    if result.returncode:
        print(result.stderr[-500:], file=sys.stderr)
        return None
    return json.loads(result.stdout.splitlines()[-1])
