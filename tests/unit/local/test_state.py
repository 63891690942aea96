import os
from pathlib import Path

from services.local.processes import start_time
from services.local.stack import ProcessState, StackState, read_state, write_state

ME = ProcessState(
    name="supervisor", pid=os.getpid(), started=start_time(os.getpid()), state="running", log=Path("x.log")
)


def test_what_is_written_is_read_by_its_owner_only(tmp_path: Path) -> None:
    state = StackState(supervisor=ME, owner_dsn="postgresql://me:hush@localhost/x")

    write_state(tmp_path, state)

    assert read_state(tmp_path) == state
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]


def test_no_file_or_half_a_file_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None

    (tmp_path / "state.json").write_text('{"supervisor": {')

    assert read_state(tmp_path) is None


def test_a_stranger_with_the_same_pid_is_not_ours() -> None:
    assert ME.is_alive()
    assert not ME.model_copy(update={"started": start_time(os.getpid()) - 3600}).is_alive()
    assert not ME.model_copy(update={"pid": None}).is_alive()
