"""Gives each Python process of a stack a clock of its own that a test can set, before it does anything.

On PYTHONPATH of the stack; replaces the process by itself with libfaketime, its clock told by a file.
"""

import os
import sys

_NAMES = {
    "services.local": "supervisor",
    "services.intake": "door",
    "services.tracking": "tracker",
    "services.alerting": "teller",
    "services.processing": os.environ.get("GROENMETER_WORKER_NAME", ""),
}
_module = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
_library, _clocks = (os.environ.get(f"FAULTS_CLOCK_{name}") for name in ("LIBRARY", "FILES"))
if _library and _clocks and _NAMES.get(_module):
    _wanted = {
        "LD_PRELOAD": _library,
        "FAKETIME_TIMESTAMP_FILE": f"{_clocks}/{_NAMES[_module]}",
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
        "NO_FAKE_STAT": "1",
    }
    if os.environ.get("FAKETIME_TIMESTAMP_FILE") != _wanted["FAKETIME_TIMESTAMP_FILE"]:
        os.execve(sys.executable, sys.orig_argv, dict(os.environ) | _wanted)  # noqa: S606 ourselves
