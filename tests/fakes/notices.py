"""A port for notices that keeps what it is told."""

import asyncio

from ari_app.domain.notices import Notice, Notices, NoticeType
from tests.patience import PATIENCE_S


class ToldNotices(Notices):
    """Everything, in its order."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self._more = asyncio.Event()

    @property
    def types(self) -> list[NoticeType]:
        """Of all that was told."""
        return [notice.type for notice in self.told]

    def tell(self, notice: Notice) -> None:
        """See the protocol."""
        self.told.append(notice)
        self._more.set()

    async def until(self, count: int) -> list[Notice]:
        """Wait until so many were told; all of them."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.told) < count:
                self._more.clear()
                await self._more.wait()
        return self.told
