"""Who may do what: scopes, and whoever has them. It knows no HTTP."""
