"""PostgreSQL 17 with TimescaleDB 2.19 for this machine, unpacked from Debian's packages without installing.

Debian 13 (trixie) packages both. Where they are installed they are used. On another Debian they are fetched
once from the mirror that the machine's own apt configuration names, verified by apt against Debian's keyring,
unpacked into a cache directory, and run with the C library they were built for. No root needed.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from services.errors import UserError
from services.local.account import can_enter, database_account
from services.local.mirror import debian_mirrors
from services.local.postgres import INSTEAD

SUITE = "trixie"
BIN = Path("usr/lib/postgresql/17/bin")
EXTENSION = Path("usr/share/postgresql/17/extension/timescaledb.control")
PROGRAMS = ("initdb", "postgres")
# fmt: off
PACKAGES = (
    "postgresql-17", "postgresql-17-timescaledb", "libc6", "libssl3t64", "libldap2", "libsasl2-2",
    "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2", "libkeyutils1",
    "libpam0g", "libaudit1", "libcap-ng0", "libsystemd0", "libcap2", "libxml2", "libicu76",
    "libstdc++6", "libgcc-s1", "liblzma5", "liblz4-1", "libzstd1", "zlib1g", "libpq5", "libxxhash0",
    "libuuid1", "libxslt1.1",
)
# fmt: on
KEYRINGS = tuple(
    Path("/usr/share/keyrings") / name
    for name in ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp")
)
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/lib/postgresql/17/lib/bitcode")

APT_CONFIGURATION = """\
Dir::Etc::SourceList "{work}/debian.sources";
Dir::Etc::SourceParts "{work}/none";
Dir::Etc::Preferences "{work}/none/preferences";
Dir::Etc::PreferencesParts "{work}/none";
Dir::State "{work}/state";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
APT::Sandbox::User "";
APT::Default-Release "{suite}";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
APT_SOURCE = """\
Types: deb
URIs: {uri}
Suites: {suite}
Components: main
Targets: Packages
Signed-By: {keyring}
"""
WRAPPER = """\
#!/bin/sh
root="${{0%/*}}/{up}"
exec "$root"/{loader} --library-path "$root"/{libraries} --argv0 "$0" "$0.real" "$@"
"""


def obtain(report: Callable[[str], None]) -> Path:
    """The directory with `initdb` and `postgres`; fetched and unpacked first where needed (10 s, 37 MB).

    Args:
        report: is told, in a line, what takes time.

    Raises:
        UserError: there is no apt, no mirror or no network; the text says what to do instead.
    """
    if (Path("/") / EXTENSION).is_file() and all((Path("/") / BIN / name).is_file() for name in PROGRAMS):
        return Path("/") / BIN
    cache = cache_directory()
    prefix = cache / f"timescaledb-2.19-postgresql-17-{SUITE}"
    with only_one(cache / "timescaledb.lock"):
        if not prefix.is_dir():
            with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as work:
                _unpack(_download(Path(work), report), Path(work) / "prefix", report)
                (Path(work) / "prefix").rename(prefix)
    return prefix / BIN


def cache_directory() -> Path:
    """Where fetched programs are kept: ours below `XDG_CACHE_HOME`, `~/.cache` or, as root, `/var/cache`."""
    parent = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    cache = Path(parent).expanduser().absolute() / "groenmeter"
    account = database_account(cache / "none")
    if account and not can_enter(cache, account):
        cache = Path("/var/cache/groenmeter")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if account:
            cache.chmod(0o755)  # whatever our umask is: they run programs from it
    except OSError as error:
        raise UserError(
            f"Cannot make {cache}: {error.strerror}. Set XDG_CACHE_HOME to a directory you can write to."
        ) from error
    return cache


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Others who come meanwhile wait, and then find the work done."""
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _download(work: Path, report: Callable[[str], None]) -> list[Path]:
    """The packages, fetched and verified by apt in a private directory."""
    missing = [program for program in ("apt-get", "dpkg-deb") if not shutil.which(program)]
    if missing:
        raise UserError(
            f"TimescaleDB comes from Debian's packages, but this machine has no {missing[0]}. {INSTEAD}"
        )
    keyring = next((path for path in KEYRINGS if path.is_file()), None)
    if keyring is None:
        raise UserError(f"Debian's keyring is missing: install debian-archive-keyring. {INSTEAD}")
    mirrors = debian_mirrors(Path("/etc/apt"), Path("/etc/os-release"))
    if not mirrors:
        raise UserError(f"No Debian mirror is named in /etc/apt. {INSTEAD}")
    for directory in ("none", "state/lists/partial", "cache/archives/partial", "packages"):
        (work / directory).mkdir(parents=True)
    (work / "status").touch()
    (work / "apt.conf").write_text(APT_CONFIGURATION.format(work=work, suite=SUITE))
    failures = []
    for mirror in mirrors:
        source = APT_SOURCE.format(uri=mirror, suite=SUITE, keyring=keyring)
        (work / "debian.sources").write_text(source)
        report("reading Debian's list of packages")
        failure = _apt(work, "update")
        if failure is None:
            report("fetching PostgreSQL 17 and TimescaleDB 2.19 (37 MB, once)")
            failure = _apt(work, "download", *PACKAGES)
        if failure is None:
            return sorted((work / "packages").glob("*.deb"))
        failures.append(f"{mirror}: {failure}")
    raise UserError("\n".join(["TimescaleDB could not be fetched from Debian.", *failures, INSTEAD]))


def _apt(work: Path, *arguments: str) -> str | None:
    """Run `apt-get` on the private directory; what went wrong, if anything."""
    result = subprocess.run(  # noqa: S603 no shell, and the arguments are ours
        ["apt-get", "-q", "-c", str(work / "apt.conf"), *arguments],  # noqa: S607 whichever is first on PATH
        cwd=work / "packages",
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return None
    lines = result.stdout.splitlines()
    return "; ".join([line for line in lines if line.startswith(("E:", "Err:"))] or lines[-3:])


def _unpack(packages: list[Path], prefix: Path, report: Callable[[str], None]) -> None:
    report("unpacking them")
    prefix.mkdir()
    prefix.chmod(0o755)

    def extract(package: Path) -> None:
        subprocess.run(["dpkg-deb", "--extract", str(package), str(prefix)], check=True)  # noqa: S603, S607

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(extract, packages))
    for directory in UNUSED:
        shutil.rmtree(prefix / directory, ignore_errors=True)
    for module in (prefix / "usr/lib/postgresql/17/lib").glob("llvmjit*"):
        module.unlink()  # just-in-time compilation would need LLVM, and we switch it off
    loader = next(prefix.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*")).relative_to(prefix)
    for name in PROGRAMS:
        program = prefix / BIN / name
        program.rename(program.with_name(f"{name}.real"))
        program.write_text(
            WRAPPER.format(
                up="/".join([".."] * len(BIN.parts)),
                loader=shlex.quote(str(loader)),
                libraries=shlex.quote(str(loader.parent)),
            )
        )
        program.chmod(0o755)
