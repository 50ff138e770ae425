"""Decides where a call goes. Knows no channel, no Asterisk, no database."""
