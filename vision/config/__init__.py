"""The settings of a city: one YAML file, checked whole, every mistake told with its line."""
