"""Which Debian mirror this machine's own apt configuration names."""

from collections.abc import Iterator
from pathlib import Path


def debian_mirrors(apt: Path, os_release: Path) -> list[str]:
    """Addresses of the archives that carry this release's `main`, the most Debian-like first, each once.

    Args:
        apt: the configuration directory, `/etc/apt`: deb822 `.sources` files and one-line `.list` files.
        os_release: the file that names the release, `/etc/os-release`.
    """
    release = _codename(os_release)
    files = sorted((apt / "sources.list.d").glob("*.sources"))
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    entries = [entry for file in files for entry in _stanzas(file.read_text(encoding="utf-8"))]
    entries += [
        entry for file in lists if file.is_file() for entry in _lines(file.read_text(encoding="utf-8"))
    ]
    mirrors = [
        uri
        for uris, suites, components in entries
        if release in suites and "main" in components
        for uri in uris
        if not uri.startswith("cdrom:")  # it holds this release only
    ]
    return sorted(dict.fromkeys(mirrors), key=lambda uri: not uri.rstrip("/").endswith("/debian"))


def _codename(os_release: Path) -> str:
    for line in os_release.read_text(encoding="utf-8").splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return "stable"


def _stanzas(text: str) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Addresses, suites and components of each stanza of a deb822 file that is in use."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in lines.split("\n\n"):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in stanza.splitlines():
            continued = line[:1].isspace()
            if not continued:
                name = line.partition(":")[0].lower()
            words = line.split() if continued else line.partition(":")[2].split()
            fields.setdefault(name, []).extend(words)
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            yield fields.get("uris", []), fields.get("suites", []), fields.get("components", [])


def _lines(text: str) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """The same of a one-line file: `deb [options] address suite component...`."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["deb"]:
            continue
        rest = words[1:]
        if rest and rest[0].startswith("["):
            end = next(index for index, word in enumerate(rest) if word.endswith("]"))
            rest = rest[end + 1 :]
        if len(rest) >= 3:
            yield [rest[0]], [rest[1]], rest[2:]
