"""The REST API: requests over HTTP, checked, and handed to what does the work. Imported only where it is wanted."""
