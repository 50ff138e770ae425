"""The directory's ids by Asterisk's names, as the history of the PBX's calls wants them."""

from agi_router.decide import RoutingSettings
from agi_router.directory.users import EndpointDevice
from ari_app.calls.roster import TECHNOLOGY
from ari_app.domain.pbx_names import Names


def names(routing: RoutingSettings) -> Names:
    """Those of this configuration."""
    return Names(
        users={
            TECHNOLOGY + device.endpoint: user.id
            for user in routing.users
            for device in user.devices
            if isinstance(device, EndpointDevice)
        },
        extensions={user.extension: user.id for user in routing.users if user.extension},
        queues={queue.name: queue.id for queue in routing.queues},
        teams={frozenset(team.members): team.id for team in routing.teams},
        trunks=frozenset(TECHNOLOGY + trunk.endpoint for trunk in routing.trunks),
    )
