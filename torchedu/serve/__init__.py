"""A service that knows each student now: events in, answers out, over HTTP."""
