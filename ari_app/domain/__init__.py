"""What a call is, for every reader: its events, the record folded from them, and hangup causes. Pure."""
