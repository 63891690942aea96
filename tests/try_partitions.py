import asyncio, os, subprocess, psycopg
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from services.broker import Administration
from services.settings import Settings
from services.store.partitions import stop_partition
from services.store.connection import connect_async
from tests.kafka import kafka_cluster
from tests.stacks import COMMAND

def test_it(database, tmp_path):
    with kafka_cluster(1) as c:
        async def go():
            async with Administration(Settings(broker=c.addresses)) as a:
                await a.ensure_topics(["measurements.waste.lab"])
                log = await a.log_id()
            async with AIOKafkaProducer(bootstrap_servers=c.addresses) as p:
                for _ in range(5): await p.send_and_wait("measurements.waste.lab", b"x", partition=0)
            async with await connect_async(database, "writer") as w:
                await stop_partition(w, log, "measurements.waste.lab", 0, reason="log-mismatch", next_offset=1, detail="why", worker="p")
        asyncio.run(go())
        c.ask(lambda a: a.delete_records({TopicPartition("measurements.waste.lab",0): RecordsToDelete(3)}))
        env = {k:v for k,v in os.environ.items()} | {"GROENMETER_BROKER": c.addresses, "GROENMETER_DATABASE_URL": database, "GROENMETER_HOME": str(tmp_path)}
        for args in (["partitions"],["partitions","--json"],["partitions","--resume","measurements.waste.lab/0"],["partitions","--resume","measurements.waste.lab/0","--from","0"],["partitions","--resume","measurements.waste.lab/0","--from","begin"],["partitions"]):
            r = subprocess.run([COMMAND, *args], env=env, capture_output=True, text=True)
            print(args, r.returncode, r.stdout, r.stderr)
