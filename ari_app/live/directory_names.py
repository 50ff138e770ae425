"""Users, queues and teams by what people call them."""

from collections.abc import Iterable

from agi_router.decide import RoutingSettings
from ari_app.domain.part_rows import Named
from ari_app.domain.parts import PartKind


class Names:
    """Of one configuration. A user without an extension has his id for a number; one who is not known, his id for both.

    A queue's name is that of queues.conf, a ring group is a team.
    """

    def __init__(self, routing: RoutingSettings) -> None:
        self._users = {user.id: Named(user.name or user.id, user.extension or user.id) for user in routing.users}
        self._groups = {
            PartKind.QUEUE: {queue.id: queue.name for queue in routing.queues},
            PartKind.TEAM: {team.id: team.name or team.id for team in routing.teams},
        }
        self._ids: dict[PartKind, dict[str, list[str]]] = {}

    def user(self, user_id: str) -> Named:
        """The user with this id, or who is called by this endpoint."""
        return self._users.get(user_id) or Named(user_id, user_id)

    def group(self, kind: PartKind, group_id: str) -> str:
        """The name of the queue or ring group with this id."""
        return self._groups[kind].get(group_id, group_id)

    def ids(self, kind: PartKind, given: Iterable[str]) -> tuple[str, ...]:
        """Whom these words name: each a name, several between commas, or what else one is called by.

        A word that names nobody is taken for the id of somebody who is in the directory no more.
        """
        words = [word for value in given for word in self._words(kind, value)]
        return tuple(dict.fromkeys(found for word in words for found in self._found(kind, word) or [word]))

    def of_extension(self, extension: str) -> str | None:
        """The id of the user with this extension, which may be the id of another one."""
        return next((user_id for user_id, user in self._users.items() if user.number == extension), None)

    def _words(self, kind: PartKind, value: str) -> list[str]:
        whole = value.strip()
        if self._found(kind, whole):  # a name may hold a comma
            return [whole]
        return [word for each in value.split(",") if (word := each.strip())]

    def _found(self, kind: PartKind, word: str) -> list[str]:
        if kind not in self._ids:
            self._ids[kind] = self._index(kind)
        return self._ids[kind].get(word.casefold(), [])

    def _index(self, kind: PartKind) -> dict[str, list[str]]:
        """Whom each word names, in the order of the configuration."""
        called: dict[str, tuple[str, ...]]
        if kind is PartKind.USER:
            called = {user_id: (user_id, *user) for user_id, user in self._users.items()}
        else:
            called = {group_id: (group_id, name) for group_id, name in self._groups[kind].items()}
        index: dict[str, list[str]] = {}
        for own_id, words in called.items():
            for word in {each.casefold() for each in words}:
                index.setdefault(word, []).append(own_id)
        return index
