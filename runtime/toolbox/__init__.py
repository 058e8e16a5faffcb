"""The tools an agent may be given, beside the two that need nothing: one file for each kind."""
