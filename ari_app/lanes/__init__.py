"""Work that waits in the database for somebody outside: a lane for each of them, paced by how he does."""
