"""Templates: documents that turn notices into the webhooks of another system."""
