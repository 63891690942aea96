import socket
from pathlib import Path

import pytest

from services.errors import UserError
from services.local import broker as tansu
from services.local.embedded import keep_ports, prepare_cluster
from services.local.timescale import cache_directory, obtain


def test_programs_are_obtained_once() -> None:
    first = obtain(print)
    said: list[str] = []

    assert obtain(said.append) == first
    assert said == []
    assert not list(cache_directory().glob("unpacking-*"))


def test_the_database_of_a_home_is_made_once(open_directory: Path) -> None:
    home = open_directory / "home"
    home.mkdir()

    cluster, passwords = prepare_cluster(home, 1, print)
    again, same_passwords = prepare_cluster(home, 1, print)

    assert again == cluster
    assert same_passwords == passwords
    assert len(set(passwords.values())) == len(passwords)
    assert (home / "database.json").stat().st_mode & 0o077 == 0
    assert (cluster.data / "PG_VERSION").read_text().strip() == "17"


def test_data_without_their_passwords_are_left_alone(open_directory: Path) -> None:
    home = open_directory / "forgetful"
    (home / "database").mkdir(parents=True)

    with pytest.raises(UserError, match=r"database\.json"):
        prepare_cluster(home, 1, print)


def test_ports_are_kept_unless_somebody_took_them(tmp_path: Path) -> None:
    first = keep_ports(tmp_path, "127.0.0.1", None)

    assert keep_ports(tmp_path, "127.0.0.1", None) == first
    with socket.create_server(("127.0.0.1", first["broker"])):
        second = keep_ports(tmp_path, "127.0.0.1", None)
    assert second["broker"] != first["broker"]
    assert second["door"] == first["door"]


def test_a_host_that_is_not_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"192\.0\.2\.1"):
        keep_ports(tmp_path, "192.0.2.1", None)


def test_each_start_of_the_broker_is_a_log_of_its_own() -> None:
    assert tansu.command(1) != tansu.command(1)


def test_the_broker_answers(broker: str) -> None:
    host, _, port = broker.partition(":")

    assert host == tansu.HOST
    assert tansu.is_ready(int(port))
