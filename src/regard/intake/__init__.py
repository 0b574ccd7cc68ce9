"""Signals in over HTTP: a process of its own, with its own listener, that answers each item once it is durable."""
