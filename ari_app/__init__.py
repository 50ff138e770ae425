"""Acts on the decision: legs, bridges, the record of the call, and the `agi-router` command."""
