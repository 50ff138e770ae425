"""Two operations of Aircall's public API that guides and integrations use: the search of calls, and a user's new call.

The guide "Ring to (via API)" tells the search's address, how one is let in, and where a call has its user. What else is
here comes from what is generally known of https://developer.aircall.io/api-references.
"""
