"""What must hold of every service in the Compose file, read as plain YAML."""

import re
import tomllib
from typing import Any

import pytest

from services.settings import PREFIX, Settings
from tests.compose_file import DEPLOY, environment_of, read_compose

COMPOSE = read_compose({"KAFKA_CLUSTER_ID": "made-for-the-test"})
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("groenmeter:")]
each_service = pytest.mark.parametrize("name", SERVICES)
# A version of at least three numbers, or of a database and the PostgreSQL in it.
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+(-[\w-]+)?$")


def test_the_processes_are_all_there() -> None:
    assert OURS == ["migrate", "door", "processor", "tracker", "teller"]
    assert {"kafka", "database", "grafana"} == SERVICES.keys() - set(OURS)


def test_it_refuses_to_start_without_secrets_and_names_the_command() -> None:
    with pytest.raises(KeyError, match=r"run python3 make_secrets\.py"):
        read_compose({})


@each_service
def test_an_image_is_pinned(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


def test_what_our_images_are_made_from_is_pinned() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    made_from = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", dockerfile, re.MULTILINE)
    stages = {stage for _, stage in made_from}

    assert all(image in stages or PINNED.match(image) for image, _ in made_from)
    built = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert built <= stages
    for service in SERVICES.values():
        if "build" in service:
            assert (DEPLOY / service["build"]["context"]).resolve() == DEPLOY.parent
            assert (DEPLOY.parent / service["build"]["dockerfile"]).is_file()


def test_our_images_have_the_version_of_the_project() -> None:
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())
    tags = {service["image"].rpartition(":")[2] for service in SERVICES.values() if "build" in service}

    assert tags == {project["project"]["version"]}


@each_service
def test_a_service_says_whether_it_is_well_or_runs_once(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_who_waits_for_whom_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            once = SERVICES[other]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")


@each_service
def test_a_service_is_held_in_bounds(name: str) -> None:
    service = SERVICES[name]

    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["stop_grace_period"]
    assert "privileged" not in service
    if name != "database":  # its image begins as root and drops to another user itself
        assert service["cap_drop"] == ["ALL"]
    if name in OURS:
        assert service["read_only"] is True


def test_the_outside_reaches_the_door_and_grafana_only_and_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published.keys() == {"door", "grafana"}
    assert all(port["host_ip"] == "127.0.0.1" for ports in published.values() for port in ports)
    assert COMPOSE["networks"]["data"]["internal"] is True
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"door", "grafana", "teller"}


@each_service
def test_no_secret_is_written_down(name: str) -> None:
    service = SERVICES[name]
    secrets = {f"/run/secrets/{secret}" for secret in service.get("secrets", ())}
    for variable, value in environment_of(service).items():
        if value.startswith("/run/secrets/"):
            assert variable.endswith("_FILE")
            assert value in secrets
        else:
            assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL|SMTP_URL", variable)
            assert not re.search(r"//[^/\s]*:[^/\s]*@", value)


def test_the_owner_of_the_database_is_known_to_its_server_and_the_migration_only() -> None:
    who = {
        name
        for name, service in SERVICES.items()
        for secret in service.get("secrets", ())
        if "owner" in secret
    }

    assert who == {"database", "migrate"}
    assert {
        name for name, service in SERVICES.items() if "services_url" in service.get("secrets", ())
    } == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_our_settings_are_settings(name: str) -> None:
    for variable in environment_of(SERVICES[name]):
        setting = variable.removeprefix(PREFIX).lower()
        assert setting.removesuffix("_file") in Settings.model_fields or setting in Settings.model_fields


def test_every_volume_secret_and_network_is_used() -> None:
    for sort in ("volumes", "secrets", "networks"):
        used = {
            str(entry).partition(":")[0] for service in SERVICES.values() for entry in service.get(sort, ())
        }
        assert used == COMPOSE[sort].keys()
