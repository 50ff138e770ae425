"""`make demo`: real calls on a real Asterisk, told while they happen.

__main__.py    the command
company.py     what is up meanwhile: Asterisk, the CRM, the router, the phones
beside.py      an Asterisk and a router that others started, as docker/compose.yaml does
premises.py    what those two are configured by
part.py        one of them as a process: started, listened to, missed when it is gone
crm.py         the CRM's process
phone.py       a phone's process
reports.py     what these two tell of themselves
scripts.py     the calls, and what is expected of each
outcome.py     what became of a call, by the log, by the phones, by the CRM
teller.py      the story of each call, read from the log as it is committed
screen.py      how all that looks
"""
