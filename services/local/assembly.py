"""Which parts make up the stack on this machine, and in which order they start and end."""

import asyncio
import logging
import os
import signal
import sys
import time

import psycopg
from aiokafka.errors import KafkaError

from schemas.topics import Topic
from services.broker import Administration
from services.errors import UserError
from services.intake.lag import records_waiting
from services.local import broker as tansu
from services.local.embedded import LOGINS, keep_ports, prepare_cluster
from services.local.health import read_health
from services.local.part import Part
from services.local.processes import resident_bytes
from services.local.stack import LOGS
from services.local.supervisor import Supervisor, ToldToStop
from services.provisioning.provision import provision
from services.provisioning.wanted import reader_url, wanted
from services.settings import PREFIX, Settings, as_environment
from services.store.configuration import apply_file
from services.store.connection import connect_async, ensure_login
from services.store.migrate import migrate
from services.store.redactions import apply_redactions

log = logging.getLogger(__name__)

READY_SECONDS = 60.0
RECOVERY_SECONDS = 300.0  # after a crash a database first reads its log again
WORK_OFF_SECONDS = 10.0
IDLE_SECONDS = 1.0
BROKER_CHECK_SECONDS = 1.0


class Assembly:
    """The stack of one home under its supervisor."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._home = settings.home
        self._supervisor = supervisor
        self._embedded_broker: Part | None = None
        self._broker_checked = 0.0

    def run(self) -> None:
        """Start, keep going until told to stop, end: door, processors, tracker, teller, broker, database.

        Raises:
            UserError: something does not start; what had started is ended again.
        """
        with self._supervisor.listening():
            try:
                self._start()
                while not self._supervisor.told_to_stop:
                    self._supervisor.tick(IDLE_SECONDS)
                    self._bound_broker()
                self._work_off()
            except ToldToStop:
                log.info("told to stop before everything had started")
            except BaseException as error:
                self._supervisor.stop()
                self._supervisor.publish(phase="failed", failure=str(error) or repr(error))
                raise
            self._supervisor.stop()
            self._supervisor.publish(phase="stopped")

    def _start(self) -> None:
        ports = keep_ports(self._home, self._settings.host, self._settings.port)
        if self._settings.database_url is None:
            self._start_database(ports["database"])
        else:
            self._use_database(self._settings.database_url.get_secret_value())
        if self._settings.broker is None:
            self._start_broker(ports["broker"])
        else:
            self._supervisor.publish(broker=self._settings.broker)
        self._start_services(ports["door"])
        self._judge_cluster()
        self._provision_grafana()
        self._supervisor.report("ready")
        self._supervisor.publish(phase="ready")

    def _start_database(self, port: int) -> None:
        cluster, passwords = prepare_cluster(self._home, port, self._supervisor.report)
        self._supervisor.report("starting the database")
        self._supervisor.begin(
            Part(
                "database",
                cluster.command,
                self._home / LOGS / "database.log",
                bare_environment(),
                account=cluster.account,
                stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
                parent_death=signal.SIGINT,
                stop_seconds=60.0,
            )
        )
        self._supervisor.wait_until(cluster.is_ready, RECOVERY_SECONDS, "The database")
        cluster.create_database()
        self._prepare_database(cluster.dsn())
        for role, login in LOGINS.items():
            ensure_login(cluster.dsn(), login, passwords[login], role)
        writer, reader = (cluster.dsn(user=login, password=passwords[login]) for login in LOGINS.values())
        self._supervisor.publish(
            owner_dsn=cluster.dsn(), writer_dsn=writer, reader_dsn=reader, data=cluster.data
        )

    def _use_database(self, dsn: str) -> None:
        try:
            self._prepare_database(dsn)
        except psycopg.OperationalError as error:
            raise UserError(f"The database at {PREFIX}DATABASE_URL does not answer: {error}") from error
        self._supervisor.publish(owner_dsn=dsn, writer_dsn=dsn, reader_dsn=dsn)

    def _prepare_database(self, dsn: str) -> None:
        if applied := migrate(dsn):
            self._supervisor.report(f"brought the database up to date ({', '.join(applied)})")
        if self._settings.organisation:
            apply_file(dsn, self._settings.organisation)
        self._erase_again(dsn)

    def _erase_again(self, dsn: str) -> None:
        """Somebody may have put an older copy of the database back by hand."""
        try:
            applied = apply_redactions(dsn, self._settings.redactions_file)
        except UserError as error:
            self._supervisor.report(f"What was erased could not be compared: {error}")
        else:
            if applied.texts or applied.rejects:
                self._supervisor.report(
                    f"erased again what was back: {applied.texts} texts, {applied.rejects} rejects"
                )

    def _start_broker(self, port: int) -> None:
        self._supervisor.report(
            "starting the broker (in memory: what a direct producer writes is safe once it is counted)"
        )
        part = Part(
            "broker",
            lambda: tansu.command(port),
            self._home / LOGS / "broker.log",
            bare_environment(),
            stop_signal=signal.SIGKILL,  # SIGTERM takes 5 s, and saves nothing of what is in memory
        )
        self._supervisor.begin(part)
        self._supervisor.wait_until(lambda: tansu.is_ready(port), READY_SECONDS, "The broker")
        self._embedded_broker = part
        self._supervisor.publish(broker=f"{tansu.HOST}:{port}")

    def _start_services(self, port: int) -> None:
        self._supervisor.report("starting teller, tracker, processors and door")
        environment = self._service_environment(port)
        processors = [f"processor-{number}" for number in range(1, self._settings.workers + 1)]
        ready_files = {name: self._home / f"{name}.ready" for name in ("teller", "tracker", *processors)}
        for file in ready_files.values():
            file.unlink(missing_ok=True)

        def service(name: str, module: str) -> Part:
            own = {f"{PREFIX}WORKER_NAME": name, f"{PREFIX}READY_FILE": str(ready_files[name])}
            return self._service(name, module, environment | own)

        self._supervisor.begin(service("teller", "services.alerting"))
        self._supervisor.begin(service("tracker", "services.tracking"))
        self._supervisor.begin(*(service(name, "services.processing") for name in processors))
        self._supervisor.begin(self._service("door", "services.intake", environment))
        api = f"http://{_reachable(self._settings.host)}:{port}"
        self._supervisor.publish(api=api)
        self._supervisor.wait_until(lambda: read_health(api).ready, READY_SECONDS, "The door")
        for name, file in ready_files.items():
            self._supervisor.wait_until(file.exists, READY_SECONDS, f"The process {name}")

    def _judge_cluster(self) -> None:
        """Say what is wrong with the topics of a cluster that is not ours."""
        if self._settings.broker is None:
            return
        try:
            faults = asyncio.run(_faults_of(self._settings))
        except (KafkaError, OSError) as error:
            faults = [f"its topics' settings cannot be read ({type(error).__name__})"]
        for fault in faults:
            self._supervisor.report(f"ATTENTION, Kafka: {fault}")

    def _provision_grafana(self) -> None:
        """Bring Grafana up to date where there is one; the stack is whole without: a failure is only told."""
        if self._settings.grafana_url is None:
            return
        try:
            database_url = reader_url(self._settings, self._supervisor.state)
            provision(self._settings, wanted(database_url), self._supervisor.report)
        except UserError as error:
            self._supervisor.report(f"Grafana was not brought up to date: {error}")
        except Exception:
            log.exception("a fault of Groenmeter's own")
            self._supervisor.report("Grafana was not brought up to date: the log of the supervisor says more")

    def _service(self, name: str, module: str, environment: dict[str, str]) -> Part:
        command = [sys.executable, "-m", module]
        return Part(name, lambda: command, self._home / LOGS / f"{name}.log", environment, stop_seconds=15.0)

    def _service_environment(self, port: int) -> dict[str, str]:
        state = self._supervisor.state
        ours = as_environment(self._settings) | {
            f"{PREFIX}HOME": str(self._home),
            f"{PREFIX}BROKER": str(state.broker),
            f"{PREFIX}DATABASE_URL": str(state.writer_dsn),
            f"{PREFIX}HOST": self._settings.host,
            f"{PREFIX}PORT": str(port),
        }
        if self._embedded_broker:
            spool = self._home / "spool"
            spool.mkdir(mode=0o700, exist_ok=True)
            ours[f"{PREFIX}SPOOL"] = str(spool)
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return others | ours

    def _lag(self) -> int | None:
        api = self._supervisor.state.api
        return read_health(api).lag if api else None

    def _bound_broker(self) -> None:
        """Give the embedded broker a new log when it holds much."""
        part, now = self._embedded_broker, time.monotonic()
        if part is None or part.pid is None or now - self._broker_checked < BROKER_CHECK_SECONDS:
            return
        self._broker_checked = now
        held = resident_bytes(part.pid)
        if held <= tansu.LIMIT_BYTES:
            return
        lag = self._lag()
        if lag == 0 or (held > tansu.HIGH_LIMIT_BYTES and self._integrators_wait() == 0):
            log.info("the broker holds %d bytes and gets a new log; events not counted: %s", held, lag)
            self._supervisor.renew(part)

    def _integrators_wait(self) -> int | None:
        """The records that the broker alone holds and that are not counted; None when that cannot be told."""
        state = self._supervisor.state
        settings = self._settings.model_copy(update={"broker": state.broker})
        try:
            return asyncio.run(_written_by_integrators(settings, str(state.writer_dsn)))
        except (KafkaError, OSError, psycopg.Error) as error:
            log.warning("what integrators wrote cannot be told: %s", type(error).__name__)
            return None

    def _work_off(self) -> None:
        """Let the processors count what is in the embedded broker; a second signal cuts it short."""
        self._supervisor.publish(phase="stopping")
        if self._embedded_broker:
            self._supervisor.wait_for(lambda: not self._lag(), WORK_OFF_SECONDS)


async def _faults_of(settings: Settings) -> list[str]:
    async with Administration(settings) as administration:
        return await administration.faults(await administration.our_topics())


async def _written_by_integrators(settings: Settings, dsn: str) -> int:
    async with Administration(settings) as administration:
        log_id = await administration.log_id()
        topics = [name for name in await administration.our_topics() if Topic.of_name(name).integrator]
    if not topics:
        return 0
    async with await connect_async(dsn, "writer") as connection:
        return await records_waiting(settings, connection, log_id, topics)


def bare_environment() -> dict[str, str]:
    """For programs that need nothing of ours: no setting or secret of this process reaches them."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def _reachable(host: str) -> str:
    """The host to call for a door that listens on `host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 not bound
    return f"[{host}]" if ":" in host else host
