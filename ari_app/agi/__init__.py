"""Calls that the dialplan dials: they are decided here step by step, and what became of each is put on record."""
