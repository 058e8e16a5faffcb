"""The terminal application: chat, memory and night, over one agent, wherever that agent is."""
