"""The filter of a receiver, for any history of a site and any way in which it is said again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.cluster.delivered import Delivered, Place
from lifeline.engine.cluster.sequence import Sequences, Verdict
from lifeline.engine.record import Record


def record(site: str, seq: int, form: str = "") -> Record:
    """The seq-th record of a site; `form` tells another history from the true one."""
    return Record(
        tenant="t", site=site, seq=seq, episode=1, rule="r", rule_hash="", subject="s", area="a",
        quantity="q", transition="raised", level_before="normal", level_after="red",
        state_before="normal", state_after="unacknowledged", onset=0, time=0, value=None,
        limit=None, unit="", message="", basis="",
        previous=f"{site}/{seq - 1}{form}" if seq > 1 else "",
        hash=f"{site}/{seq}{form}",
    )  # fmt: skip


class Receiver:
    """The filter with the outbox behind it, as the mirror has them."""

    def __init__(self, resumed: tuple[str, ...] = ()) -> None:
        self.passed: list[tuple[str, int]] = []
        self.kept: dict[tuple[str, int], str] = {}
        self.sequences = Sequences({}, lambda site, seq: self.kept.get((site, seq)), resumed)

    def hear(self, each: Record, *, may_begin: bool = False) -> Verdict:
        verdict = self.sequences.judge(each, may_begin=may_begin)
        if verdict is Verdict.NEW:
            self.passed.append((each.site, each.seq))
            self.kept[each.site, each.seq] = each.hash
        return verdict

    def again(self, resumed: tuple[str, ...] = ()) -> None:
        """A restart: what is known is what was kept."""
        heads = {site: (seq, self.kept[site, seq]) for site, seq in sorted(self.kept)}
        self.sequences = Sequences(heads, lambda site, seq: self.kept.get((site, seq)), resumed)


@given(st.data())
def test_however_often_workers_repeat_themselves_each_record_passes_once_in_order(
    data: st.DataObject,
) -> None:
    receiver = Receiver()
    reached: dict[str, int] = {"a": 0, "b": 0}
    for _ in range(data.draw(st.integers(1, 12))):
        site = data.draw(st.sampled_from("ab"))
        back = data.draw(st.integers(0, reached[site]))
        ahead = data.draw(st.integers(0, 5))
        for seq in range(reached[site] - back + 1, reached[site] + ahead + 1):
            receiver.hear(record(site, seq))
        reached[site] += ahead
        if data.draw(st.booleans()):
            receiver.again()
    for site, last in reached.items():
        assert [s for n, s in receiver.passed if n == site] == list(range(1, last + 1))
    assert receiver.sequences.holds == ()


@given(st.integers(1, 9), st.integers(2, 9), st.booleans())
def test_a_gap_holds_its_site_until_what_is_missing_comes(
    known: int, missing: int, restarted: bool
) -> None:
    receiver = Receiver()
    for seq in range(1, known + 1):
        receiver.hear(record("a", seq))
    after = known + missing
    assert receiver.hear(record("a", after)) is Verdict.GAP
    assert receiver.hear(record("a", after + 1)) is Verdict.HELD
    assert receiver.hear(record("b", 1)) is Verdict.NEW, "nobody else waits"
    (hold,) = receiver.sequences.holds
    assert (hold.site, hold.kind, hold.seq) == ("a", "gap", after)
    if restarted:
        receiver.again()
        assert receiver.hear(record("a", after + 2)) is Verdict.GAP, "found again by itself"
    for seq in range(known + 1, after + 3):
        assert receiver.hear(record("a", seq)) is Verdict.NEW
    assert receiver.sequences.holds == ()


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_record_under_a_seq_that_was_given_out_holds_its_site(last: int, seq: int) -> None:
    receiver = Receiver()
    for n in range(1, last + 1):
        receiver.hear(record("a", n))
    verdict = receiver.hear(record("a", seq, "other"))
    if seq <= last + 1:
        assert verdict is Verdict.DIFFERS
        assert receiver.hear(record("a", last + 1)) is Verdict.HELD, "also what would follow"
        assert [hold.kind for hold in receiver.sequences.holds] == ["differs"]
    else:
        assert verdict is Verdict.GAP
    assert len(receiver.passed) == last


def test_a_person_ends_a_hold() -> None:
    receiver = Receiver()
    receiver.hear(record("a", 1))
    assert receiver.hear(record("a", 5)) is Verdict.GAP
    receiver.again(resumed=("a",))
    assert receiver.hear(record("a", 1)) is Verdict.OLD, "the topic is read from its beginning"
    assert receiver.hear(record("a", 5)) is Verdict.NEW
    assert receiver.hear(record("a", 7)) is Verdict.GAP, "once"
    receiver.again(resumed=("a",))
    other = record("a", 6, "other")
    assert receiver.hear(other) is Verdict.NEW


def test_the_first_record_of_a_site_is_its_first_unless_the_topic_was_trimmed() -> None:
    assert Receiver().hear(record("a", 3)) is Verdict.GAP
    receiver = Receiver()
    assert receiver.hear(record("a", 3), may_begin=True) is Verdict.NEW
    assert receiver.hear(record("a", 5), may_begin=True) is Verdict.GAP


def test_what_is_trimmed_cannot_be_compared_and_is_old() -> None:
    sequences = Sequences({"a": (9, "a/9")}, lambda site, seq: None)
    assert sequences.judge(record("a", 4, "other"), may_begin=False) is Verdict.OLD
    assert sequences.judge(record("a", 9, "other"), may_begin=False) is Verdict.DIFFERS


@given(st.data())
def test_an_offset_is_committed_once_the_output_has_passed_everything_before_it(
    data: st.DataObject,
) -> None:
    delivered = Delivered()
    number, cursor = 0, 0
    taken: list[tuple[int, Place, int]] = []
    following = {("alerts", p): 0 for p in range(3)}
    done: dict[Place, int] = {}
    for _ in range(data.draw(st.integers(1, 25))):
        if data.draw(st.booleans()):
            place: Place = ("alerts", data.draw(st.integers(0, 2)))
            number += data.draw(st.integers(0, 4))
            following[place] += data.draw(st.integers(1, 5))
            delivered.taken(number, place, following[place])
            taken.append((number, place, following[place]))
        else:
            cursor = data.draw(st.integers(cursor, number))
            found = delivered.up_to(cursor)
            assert all(offset > done.get(place, -1) for place, offset in found.items())
            done |= found
            wanted = {p: offset for at, p, offset in taken if at <= cursor}
            assert done == wanted
