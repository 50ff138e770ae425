"""Fetches recordings from Asterisk into a store, keeps them for their time, and signs links to them."""
