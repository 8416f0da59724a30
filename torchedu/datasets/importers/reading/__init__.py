"""What importers share: files to rows in columns, names to numbers, times to milliseconds."""
