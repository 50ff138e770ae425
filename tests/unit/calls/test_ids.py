from ari_app.calls.ids import Owner, bridge_id, leg_channel_id, leg_role, new_call_id, new_probe_id, owner


def test_the_owner_of_a_leg_and_of_a_bridge_can_be_read_back_from_their_ids() -> None:
    call_id = new_call_id()
    assert owner(leg_channel_id(call_id, leg_role(12))) == Owner(call_id, "leg-12")
    assert owner(bridge_id(call_id)) == Owner(call_id, "bridge")


def test_a_channel_of_asterisk_or_of_another_program_is_nobody_of_ours() -> None:
    for foreign in ("1772357400.12", "agr-", "agr-x", "agr-a-b-leg-x", "agr-a-b-c-leg-1", "", "other-a-b-bridge"):
        assert owner(foreign) is None


def test_a_probe_belongs_to_no_call() -> None:
    assert owner(new_probe_id()) is None


def test_call_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_call_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [i.split("-")[0] for i in ids] == sorted(i.split("-")[0] for i in ids)
