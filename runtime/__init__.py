"""What runs an agent: the spec, the agent, and what serves it."""
