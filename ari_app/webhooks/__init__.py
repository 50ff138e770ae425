"""Delivers what others are told to their receivers: signed, in order, until they have it. Knows no database."""
