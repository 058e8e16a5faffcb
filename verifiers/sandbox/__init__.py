"""Where code that nobody has read is run: bounded, cut off, and gone when its time is up."""
