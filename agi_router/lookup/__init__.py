"""Asks the external API: one request, inside its deadline, past the network guard."""
