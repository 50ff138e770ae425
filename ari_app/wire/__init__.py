"""What programs get as JSON by more than one way: the REST API answers with it, and webhooks carry it."""
