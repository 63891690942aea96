from pathlib import Path

import pytest

from services.local.mirror import debian_mirrors

STANZAS = """\
# what the installer made
Types: deb deb-src
URIs: http://mirror.example/debian
 http://second.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
Enabled: no
"""
LINES = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://apt.example/vendor bookworm main
deb http://mirror.example/debian bookworm main contrib # the usual one
deb-src http://source.example/debian bookworm main
deb http://flat.example ./
deb cdrom:[Debian_12]/ bookworm main
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def mirrors(apt: Path) -> list[str]:
    return debian_mirrors(apt, apt.parent / "os-release")


def test_deb822(apt: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(STANZAS)

    assert mirrors(apt) == ["http://mirror.example/debian", "http://second.example/debian/"]


def test_one_line_files_with_the_vendors_last(apt: Path) -> None:
    (apt / "sources.list").write_text(LINES)

    assert mirrors(apt) == ["http://mirror.example/debian", "https://apt.example/vendor"]


def test_each_once(apt: Path) -> None:
    (apt / "sources.list.d/debian.sources").write_text(STANZAS)
    (apt / "sources.list.d/old.list").write_text("deb http://mirror.example/debian bookworm main\n")

    assert mirrors(apt).count("http://mirror.example/debian") == 1


def test_none(apt: Path) -> None:
    assert mirrors(apt) == []
