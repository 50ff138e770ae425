"""Who gets a place when there are too many connections, and who loses it."""

from dataclasses import dataclass

from ari_app.web.places import NEVER, Places


@dataclass(eq=False)
class Guest:
    source: str = "192.0.2.1"
    due: float = NEVER
    is_away: bool = False

    def send_away(self) -> None:
        self.is_away = True


def full(sources: list[str], most: int = 10) -> tuple[Places, list[Guest]]:
    places = Places(most, lambda source: source == "127.0.0.1")
    guests = [Guest(source) for source in sources]
    assert all(map(places.admit, guests))
    return places, guests


def test_the_newcomer_gets_the_place_of_who_has_waited_longest() -> None:
    places, guests = full([f"192.0.2.{number}" for number in range(10)])
    assert places.admit(Guest("198.51.100.1"))
    assert [guest.is_away for guest in guests] == [True] + [False] * 9
    assert (len(places), places.refused) == (10, 1)


def test_who_waits_for_an_answer_keeps_his_place_and_is_not_the_first_to_go_after_it() -> None:
    places, guests = full([f"192.0.2.{number}" for number in range(10)])
    places.asks(guests[0])
    places.admit(Guest("198.51.100.1"))
    assert (guests[0].is_away, guests[1].is_away) == (False, True)
    places.rests(guests[0])
    for number in range(8):
        places.admit(Guest(f"198.51.101.{number}"))
    assert not guests[0].is_away
    assert all(guest.is_away for guest in guests[1:])


def test_when_all_others_wait_for_an_answer_the_newcomer_goes() -> None:
    places, guests = full([f"192.0.2.{number}" for number in range(10)])
    for guest in guests:
        places.asks(guest)
    assert not places.admit(Guest("198.51.100.1"))
    assert not any(guest.is_away for guest in guests)
    assert len(places) == 10


def test_one_address_has_half_of_the_places_and_keeps_no_other_one_out() -> None:
    places, greedy = full(["192.0.2.1"] * 5)
    other = Guest("198.51.100.1")
    assert places.admit(other)
    assert places.admit(Guest("192.0.2.1"))
    assert (greedy[0].is_away, other.is_away, len(places)) == (True, False, 6)


def test_programs_on_this_host_may_have_all_places() -> None:
    places, guests = full(["127.0.0.1"] * 10)
    assert not any(guest.is_away for guest in guests)
    assert len(places) == 10


def test_who_is_too_slow_goes() -> None:
    places, (slow, fast) = full(["192.0.2.1", "192.0.2.2"])
    slow.due, fast.due = 10.0, 20.0
    places.sweep(15.0)
    assert (slow.is_away, fast.is_away, len(places), places.slow) == (True, False, 1, 1)


def test_who_left_is_not_counted_any_more_however_often_he_leaves() -> None:
    places, (guest,) = full(["192.0.2.1"])
    places.leave(guest)
    places.leave(guest)
    places.rests(guest)
    assert len(places) == 0
    assert places.admit(Guest("192.0.2.1"))
