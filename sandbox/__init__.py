"""A private Asterisk 22 and phones for it: what tests, demo and bench stand on.

    async with Asterisk(numbered_phones=3) as asterisk:           # up in 0.2 s; the first time on a machine, 20 s
        asterisk.ari_url, asterisk.ari_username, asterisk.ari_password
        asterisk.layout.trunk, asterisk.layout.trunk_port         # where endpoint `trunk` sends its calls
        print(await asterisk.cli("core show channels"))
        await asterisk.restart()

Endpoints: phones ada, ada-desk, ada-mobile, bob, carol, phone001 ... that register from anywhere;
`carrier`, which is whoever calls from `layout.carrier`; `trunk`, whose calls go to `layout.trunk`; `trunk-dead`, where
nobody is. Every number dialled by a carrier or a phone goes to the dialplan that operators include.

Run `python -m sandbox.root` to build the tree beforehand.
"""
