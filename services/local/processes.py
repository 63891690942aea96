"""Telling our own processes from strangers that have got an old pid of ours."""

import psutil

CLOCK_STEP_SECONDS = 2.0  # a start time is told by the wall clock, which may be set right meanwhile


def start_time(pid: int) -> float:
    """When the process started, in seconds since 1970; with the pid it names a process for ever."""
    return float(psutil.Process(pid).create_time())


def is_alive(pid: int, started: float) -> bool:
    """Whether the very process that started then still runs; one that only waits to be noticed does not."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < CLOCK_STEP_SECONDS
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def resident_bytes(pid: int) -> int:
    """The memory that the process holds."""
    return int(psutil.Process(pid).memory_info().rss)
