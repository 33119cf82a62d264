"""Objects that keep their place, matched across looks by where they stand."""
