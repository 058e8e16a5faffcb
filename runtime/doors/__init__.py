"""The doors of a home: one process owns it, and others use its agent through a local socket."""
