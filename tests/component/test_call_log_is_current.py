from pathlib import Path

from ari_app.storage.call_log import open_call_log
from ari_app.storage.settings import StorageSettings
from tests.component.storage_events import answered_call, arrived


async def test_a_call_whose_end_is_still_on_its_way_to_the_disk_is_no_open_call(tmp_path: Path) -> None:
    async with open_call_log(StorageSettings.at(tmp_path / "calls.db")) as call_log:
        call_log.write("open", arrived())
        call_log.write("over", arrived())
        await call_log.flush()
        for event in answered_call()[1:]:
            call_log.write("over", event)
        assert [record.call_id for record in await call_log.open_calls()] == ["open"]
