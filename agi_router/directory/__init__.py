"""Who can be rung: users with their devices, and the trunks that lead outside."""
