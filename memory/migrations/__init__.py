"""Numbered migrations of the journal, one file each in versions/; a released one is never edited.

To add one, write the next number as `revision` and `tables.SCHEMA_VERSION`, the last as `down_revision`.
"""
