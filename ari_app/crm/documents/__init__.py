"""The documents of CRMs that come with the router."""
