"""The process that owns a home for as long as the machine runs: its doors, its nights, its service."""
