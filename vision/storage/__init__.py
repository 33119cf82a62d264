"""Where the record is kept: the database, the finding bus and the evidence files."""
