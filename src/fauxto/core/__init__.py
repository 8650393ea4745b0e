"""Names, records and file formats that cross rooms; no algorithms."""
