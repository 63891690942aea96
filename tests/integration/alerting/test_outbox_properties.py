"""No sequence of changes, failures, deaths and restarts loses or doubles a message."""

from collections import Counter

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.alerting.outcome import SENT
from services.alerting.teller import Teller
from services.store.connection import connect
from services.store.subscribers import remove_subscriber
from tests.integration.alerting.telling import (
    FAILED,
    Died,
    Receiver,
    all_due,
    insert_change,
    messages,
    settle,
    subscribe,
)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from("ab"), st.sampled_from(["amber", "red"]), st.booleans()),
        st.tuples(st.just("subscribe"), st.sampled_from([None, "a"]), st.sampled_from(["amber", "red"])),
        st.tuples(st.just("remove"), st.integers(0, 5)),
        st.tuples(st.just("turn"), st.lists(st.sampled_from([SENT, FAILED, Died]), max_size=4)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("time passes")),
    ),
    max_size=25,
)


class _World:
    """A database with a teller, and what an oracle expects of it."""

    def __init__(self, database, owner):
        self.database, self.owner = database, owner
        self.subscribers, self.changes, self.expected, self.untold = {}, 0, set(), []
        self.receiver = Receiver()
        self.died, self.noted = 0, {}
        self.begin()

    def begin(self):
        self.connection = connect(self.database, "writer")
        self.teller = Teller(self.receiver, {})

    def change(self, target, band, worse):
        number = insert_change(self.owner, target, to_band=band, worse=worse)
        if worse:
            self.untold.append((number, target, band))

    def subscribe(self, target, severity):
        name = f"s{len(self.subscribers)}"
        subscribe(self.owner, name, targets=[target] if target else None, severity=severity)
        self.subscribers[name] = (target, severity)

    def remove(self, index):
        if remove_subscriber(self.owner, f"s{index}"):
            self.subscribers[f"s{index}"] = None
            self.expected = {item for item in self.expected if item[1] != f"s{index}"}

    def turn(self, answers=()):
        """The changes so far are told to who is subscribed now, whatever becomes of the delivery."""
        self.receiver.answers = list(answers)
        self.expected |= {
            (number, name)
            for number, target, band in self.untold
            for name, wish in self.subscribers.items()
            if wish and wish[0] in (None, target) and (wish[1] == "amber" or band == "red")
        }
        self.untold = []
        try:
            settle(self.teller, self.connection)
        except Died:
            self.died += 1
            times = Counter(id_ for id_, *_ in self.receiver.got)
            sent = messages(self.database, "message_id, state")
            self.noted |= {id_: times[id_] for id_, state in sent if state == "sent"}
            self.restart()

    def restart(self):
        self.connection.close()
        self.begin()

    def settle(self):
        """Everything that can be delivered is."""
        while self.turn() or any(state == "waiting" for state, *_ in messages(self.database)):
            all_due(self.owner)


@settings(
    max_examples=25,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(steps=STEPS)
def test_no_message_is_lost_or_doubled(database, owner, steps):
    """Whatever changes, fails, dies and restarts: each message arrives, again only after a death, same id."""
    owner.execute("TRUNCATE message, told_change, subscriber, band_change, evaluation RESTART IDENTITY")
    world = _World(database, owner)
    try:
        for action, *arguments in steps:
            if action == "time passes":
                all_due(owner)
            else:
                getattr(world, action)(*arguments)
        world.settle()
    finally:
        world.connection.close()

    times = Counter((change, name) for _, change, name in world.receiver.got)
    assert world.expected <= times.keys(), "lost"
    assert max(times.values(), default=0) <= 1 + world.died, "repeated without a death"
    by_id = Counter(id_ for id_, *_ in world.receiver.got)
    assert {id_: by_id[id_] for id_ in world.noted} == world.noted, "repeated although it was noted"
    ids = {(change, name): id_ for id_, change, name in world.receiver.got}
    assert len(set(world.receiver.got)) == len(set(ids.values())) == len(ids), (
        "an id is of one message for ever"
    )
    assert set(messages(database, "message_id")) <= {(id_,) for id_ in ids.values()}
