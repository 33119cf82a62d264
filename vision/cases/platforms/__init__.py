"""Case platforms, one file each."""
