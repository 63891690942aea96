"""Looking for cycles of objects rarely."""

import gc

_OBJECTS_BETWEEN = 100_000


def look_rarely() -> None:
    """For a process that makes many thousands of objects at a time, nearly all without cycles.

    Looking through them for some took a sixth of the door's time and a fifth of a processor's.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN, 50, 100)
