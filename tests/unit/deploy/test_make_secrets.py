"""The command that makes the secrets, run as it is typed, in a copy of the directory."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose_file import DEPLOY, read_compose


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(DEPLOY / "make_secrets.py", tmp_path)
    return tmp_path


def make(directory: Path) -> str:
    # Isolated: it needs nothing but Python.
    command = [sys.executable, "-I", directory / "make_secrets.py"]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (directory / "secrets").iterdir()}


def test_it_makes_every_secret_of_the_compose_file(copy: Path) -> None:
    make(copy)

    compose = read_compose({"KAFKA_CLUSTER_ID": "any"})
    mounted = {(copy / secret["file"]).name for secret in compose["secrets"].values()}
    assert mounted <= contents(copy).keys()
    assert re.fullmatch(r"KAFKA_CLUSTER_ID=[\w-]{22}\n", (copy / ".env").read_text())


def test_no_password_is_short_twice_there_or_printed(copy: Path) -> None:
    printed = make(copy)

    secrets = {name: text for name, text in contents(copy).items() if name.endswith(("_password", "_key"))}
    assert len(secrets) == len(set(secrets.values())) == 5
    assert all(re.fullmatch(r"[0-9a-f]{48}", text) for text in secrets.values())
    assert not any(text in printed for text in secrets.values())


def test_an_address_has_the_password_of_its_login(copy: Path) -> None:
    make(copy)

    made = contents(copy)
    for login, user in (
        ("owner", "groenmeter"),
        ("services", "groenmeter_services"),
        ("dashboards", "groenmeter_dashboards"),
    ):
        assert (
            made[f"{login}_url"]
            == f"postgresql://{user}:{made[f'{login}_password']}@database:5432/groenmeter"
        )


def test_other_users_of_the_machine_are_kept_out(copy: Path) -> None:
    make(copy)

    assert stat.S_IMODE((copy / "secrets").stat().st_mode) == 0o700
    # Readable: a container's user is another one, and Compose mounts the file as it is.
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copy / "secrets").iterdir()} == {0o644}


def test_what_is_there_is_kept(copy: Path) -> None:
    make(copy)
    (copy / ".env").write_text((copy / ".env").read_text() + "DOOR_PORT=8443")
    before = contents(copy) | {".env": (copy / ".env").read_text()}

    assert make(copy) == "everything is there already\n"
    assert contents(copy) | {".env": (copy / ".env").read_text()} == before


def test_what_is_missing_is_made_and_the_rest_kept(copy: Path) -> None:
    (copy / ".env").write_text("DOOR_PORT=8443")
    make(copy)
    before = contents(copy)
    (copy / "secrets" / "grafana_secret_key").unlink()

    assert make(copy) == f"made {copy.name}/secrets/grafana_secret_key\n"
    after = contents(copy)
    assert after.pop("grafana_secret_key") != before.pop("grafana_secret_key")
    assert after == before
    assert (copy / ".env").read_text().startswith("DOOR_PORT=8443\nKAFKA_CLUSTER_ID=")
