"""Processes that die: alone, together, and everything at once."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress

import psutil

from tests.faults.campaign import Campaign
from tests.stacks import Stack
from tests.waiting import wait_until

PROCESSORS = ("processor-1", "processor-2")
PARTS = (*PROCESSORS, "door", "tracker", "teller", "broker", "database")
RUNNING_SECONDS = 120
ENDING_SECONDS = 30


def pids_of(stack: Stack, *names: str) -> Mapping[str, int]:
    """The process ids of these parts, as soon as all of them run."""

    def running() -> Mapping[str, int] | None:
        parts = {part.name: part.pid for part in stack.state.processes if part.name in names and part.pid}
        return parts if len(parts) == len(names) else None

    return wait_until(running, RUNNING_SECONDS) or {}


def end(campaign: Campaign, *names: str, how: signal.Signals = signal.SIGKILL) -> None:
    """End parts at the same moment and wait until others run in their place."""
    pids = pids_of(campaign.stack, *names)
    began = time.monotonic()
    for pid in pids.values():
        with suppress(ProcessLookupError):
            os.kill(pid, how)
    wait_until(
        lambda: not set(pids_of(campaign.stack, *names).values()) & set(pids.values()), RUNNING_SECONDS
    )
    if "teller" in names:
        campaign.told.deaths.append((began, time.monotonic()))


def kill(*names: str) -> Callable[[Campaign], AbstractContextManager[None]]:
    return lambda campaign: nullcontext(end(campaign, *names))


def kill_several(campaign: Campaign) -> AbstractContextManager[None]:
    parts = [part for part in PARTS if part != "broker" or campaign.cluster is None]
    end(campaign, *campaign.random.sample(parts, campaign.random.randint(2, 4)))
    return nullcontext()


def restart_database(campaign: Campaign) -> AbstractContextManager[None]:
    """As whatever runs services does it: asked to end, and killed where that takes too long.

    PostgreSQL 17 never ends when it is asked while it recovers from the crash of a session: it waits for a
    checkpointer that nobody told.
    """
    server = psutil.Process(pids_of(campaign.stack, "database")["database"])
    server.send_signal(signal.SIGINT)
    try:
        server.wait(ENDING_SECONDS)
    except psutil.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
    wait_until(lambda: pids_of(campaign.stack, "database")["database"] != server.pid, RUNNING_SECONDS)
    return nullcontext()


def kill_session(campaign: Campaign) -> AbstractContextManager[None]:
    """A session of the database crashes: it ends all others and reads its log again."""
    server = psutil.Process(pids_of(campaign.stack, "database")["database"])
    with suppress(psutil.NoSuchProcess):
        campaign.random.choice(server.children() or [server]).kill()
    return nullcontext()


def kill_everything(campaign: Campaign) -> AbstractContextManager[None]:
    """Every process of the stack at the same moment, as if the machine lost power."""
    began = time.monotonic()
    supervisor = psutil.Process(campaign.stack.state.supervisor.pid or 0)
    everything = [supervisor, *supervisor.children(recursive=True)]
    for process in everything:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    for process in everything:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(everything, timeout=RUNNING_SECONDS)
    campaign.stack.up()
    campaign.told.deaths.append((began, time.monotonic()))
    return nullcontext()


def kill_supervisor(campaign: Campaign) -> AbstractContextManager[None]:
    """Its children end themselves before it is started again."""
    began = time.monotonic()
    state = campaign.stack.state
    os.kill(state.supervisor.pid or 0, signal.SIGKILL)
    wait_until(lambda: not any(part.is_alive() for part in state.processes), RUNNING_SECONDS)
    campaign.stack.up()
    campaign.told.deaths.append((began, time.monotonic()))
    return nullcontext()
