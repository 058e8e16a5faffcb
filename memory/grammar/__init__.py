"""Grammars: what a JSON Schema allows, as rules that a model's words can be held to."""
