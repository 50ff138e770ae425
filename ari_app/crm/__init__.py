"""CRM connectors: documents that tell how a CRM is asked and told, and what runs them."""
