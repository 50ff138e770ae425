"""A real CRM: Tryton, its address book in an SQLite file, with a few people in it. For tests, and for who wants to try.

    async with Tryton() as tryton:                          # up in a second; the first time on a machine, 20 s
        tryton.rpc_url                                      # JSON-RPC, as user CONNECTOR with CONNECTOR_PASSWORD
        await tryton.records.parties([["name", "=", GRACE]])
        await tryton.records.attachments()
        await tryton.server.stop()                          # connections are refused ...
        await tryton.server.start()                         # ... and the same database is back

`python -m sandbox.tryton` installs it, `python -m sandbox.tryton --serve` runs one until it is interrupted.
"""

from sandbox.tryton.crm import Tryton, tryton_installation
from sandbox.tryton.environment import DATABASE
from sandbox.tryton.records import Attachment, Party, Records
from sandbox.tryton.server import Server

__all__ = ["DATABASE", "Attachment", "Party", "Records", "Server", "Tryton", "tryton_installation"]
