"""The stories of calls: coroutines that read top to bottom, over ports. Know no library that talks to the world."""
