"""Client programs of three telephony systems, written from the vendors' pages alone."""
