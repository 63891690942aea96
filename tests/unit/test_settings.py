from pathlib import Path

import pytest

from services.settings import SettingsError, as_environment, describe, load_settings


def test_the_environment_wins_over_env_over_toml_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "groenmeter.toml").write_text('port = 1\nworkers = 1\nhost = "from.toml"\n')
    (tmp_path / ".env").write_text("GROENMETER_PORT=2\nGROENMETER_WORKERS=2\nSOMEBODY_ELSES=1\n")

    settings = load_settings({"GROENMETER_PORT": "3"}, tmp_path)

    assert (settings.port, settings.workers, settings.host) == (3, 2, "from.toml")
    assert settings.broker is None
    origins = {row.setting: row.origin for row in describe(settings)}
    assert origins["GROENMETER_PORT"] == "environment"
    assert origins["GROENMETER_WORKERS"] == ".env"
    assert origins["GROENMETER_HOST"] == "groenmeter.toml"
    assert origins["GROENMETER_BROKER"] == "default"


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "groenmeter.toml").write_text("prot = 8000\nworkers = 0\n")
    (tmp_path / ".env").write_text("GROENMETER_HOTS=localhost\nGROENMETER_PORT=high\n")
    environment = {
        "GROENMETER_BROKER": "kafka",
        "GROENMETER_DATABASE_URL": "mysql://localhost/x",
        "GROENMETER_ORGANISATION": str(tmp_path / "missing.toml"),
        "GROENMETER_TOKEN_FILE": str(tmp_path / "missing"),
    }

    with pytest.raises(SettingsError) as error:
        load_settings(environment, tmp_path)

    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 8
    for expected in (
        "prot (groenmeter.toml): unknown setting; did you mean port?",
        "GROENMETER_HOTS (.env): unknown setting; did you mean GROENMETER_HOST?",
        "workers (groenmeter.toml) = 0:",
        "GROENMETER_PORT (.env) = 'high':",
        "GROENMETER_BROKER (environment) = 'kafka': must be host:port, or several with commas",
        "GROENMETER_DATABASE_URL (environment): must be postgresql://",
        "GROENMETER_ORGANISATION (environment)",
        "GROENMETER_TOKEN_FILE (environment): cannot read",
    ):
        assert any(line.strip().startswith(expected) for line in lines), expected


def test_a_secret_may_be_in_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hush\n")

    settings = load_settings({"GROENMETER_TOKEN_FILE": str(tmp_path / "token")}, tmp_path)

    assert settings.token is not None
    assert settings.token.get_secret_value() == "hush"
    row = next(row for row in describe(settings) if row.setting == "GROENMETER_TOKEN")
    assert row.origin == f"environment, file {tmp_path / 'token'}"
    assert "hush" not in f"{describe(settings)} {settings!r}"


def test_a_wrong_secret_is_not_shown_either(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({"GROENMETER_DATABASE_URL": "mysql://me:hush@localhost"}, tmp_path)

    assert "hush" not in str(error.value)


def test_a_secret_and_its_file_contradict_each_other(tmp_path: Path) -> None:
    environment = {"GROENMETER_TOKEN": "one", "GROENMETER_TOKEN_FILE": "other"}

    with pytest.raises(SettingsError, match="not both"):
        load_settings(environment, tmp_path)


@pytest.mark.parametrize(
    "environment",
    [
        {"BROKER_SECURITY": "SSL"},
        {"BROKER": "kafka:9092", "BROKER_USER": "me", "BROKER_PASSWORD": "hush"},
        {"BROKER": "kafka:9092", "BROKER_SECURITY": "SASL_SSL:PLAIN", "BROKER_USER": "me"},
    ],
)
def test_a_broker_login_is_whole_or_not_there(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BROKER_SECURITY"):
        load_settings({f"GROENMETER_{name}": value for name, value in environment.items()}, tmp_path)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load_settings({"GROENMETER_PORT": "", "GROENMETER_BROKER": ""}, tmp_path).port is None


def test_an_empty_file_of_a_secret_counts_as_not_set(tmp_path: Path) -> None:
    (tmp_path / "smtp_url").write_text("\n")

    settings = load_settings({"GROENMETER_SMTP_URL_FILE": str(tmp_path / "smtp_url")}, tmp_path)

    assert settings.smtp_url is None
    assert "GROENMETER_SMTP_URL" not in as_environment(settings)


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "groenmeter.toml").write_text("port: 8000\n")

    with pytest.raises(SettingsError, match=r"groenmeter\.toml"):
        load_settings({}, tmp_path)


def test_a_child_reads_the_same_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GROENMETER_WORKERS=3\nGROENMETER_TOKEN=hush\n")
    settings = load_settings({"GROENMETER_HOME": str(tmp_path)}, tmp_path)

    child = load_settings(as_environment(settings), tmp_path / "elsewhere")

    assert child.model_dump() == settings.model_dump()


def test_an_address_of_grafana_holds_no_login_and_a_refused_one_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give its token as GROENMETER_GRAFANA_TOKEN") as error:
        load_settings({"GROENMETER_GRAFANA_URL": "https://admin:hush@grafana.example"}, tmp_path)

    assert "hush" not in str(error.value)
    assert "***@grafana.example" in str(error.value)
