"""Named places where a process can be made to die, to show that dying there loses and doubles nothing.

Inert unless GROENMETER_FAIL_POINT is in the environment, which only tests put there:

- `NAME`, or `NAME:N`: die when the place is reached, or when it is reached for the Nth time;
- the absolute path of a file: die at the place that the file names, once it is there. Whoever dies removes
  it first, so that it is one death, and the process that is started instead goes on.

To die is to die as by `kill -9`: nothing is flushed, closed or told to anybody.
"""

import os
import signal
from pathlib import Path
from typing import Final, Literal, get_args

FailPoint = Literal[
    # The batch cycle of a processor, in its order.
    "before-parse",  # services/processing/batches.py: records were read, nothing is judged
    "after-copy",  # services/store/ledger.py: the ledger's rows are written; rollups, offsets, log are not
    "before-commit",  # services/store/ledger.py: everything is written, nothing is committed
    "before-ack",  # services/processing/app.py: committed, Faust does not know
    "before-group-commit",  # services/processing/transport.py: acknowledged, the group's offset is older
    # The way of a post through the door, in its order.
    "before-202",  # services/intake/api.py: durable, the poster does not know
    "before-forward",  # services/intake/forwarder.py: answered, the broker has nothing
    "after-forward",  # services/intake/forwarder.py: the broker has it, the forwarder does not know
    "before-forget",  # services/intake/forwarder.py: counted, the spool holds it still
]

VARIABLE: Final = "GROENMETER_FAIL_POINT"
NAMES: Final[tuple[FailPoint, ...]] = get_args(FailPoint)


class _Armed:
    """Where to die. Raises `ValueError` for a text that says nothing of the kind."""

    def __init__(self, text: str) -> None:
        self._file = Path(text) if text.startswith("/") else None
        self._name, _, nth = text.partition(":")
        if self._file is None and (self._name not in NAMES or not (nth or "1").isdecimal()):
            raise ValueError(
                f"must be one of {', '.join(NAMES)}, with :N for the Nth time, or the absolute path of a file"
            )
        self._left = int(nth or "1")

    def reach(self, name: FailPoint) -> None:
        """Die if this is the place and the time."""
        if self._file is not None:
            try:
                if self._file.read_text(encoding="utf-8").strip() != name:
                    return
                self._file.unlink()
            except FileNotFoundError:
                return
        elif name == self._name:
            self._left -= 1
            if self._left:
                return
        else:
            return
        os.write(2, f"fail point {name}: this process dies\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def check(text: str) -> str:
    """The text, when it can be a value of the variable. Raises `ValueError`."""
    _Armed(text)
    return text


_armed = _Armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def fail_point(name: FailPoint) -> None:
    """Die here when told to."""
    if _armed is not None:
        _armed.reach(name)
