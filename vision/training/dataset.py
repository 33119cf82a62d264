"""What is wrong with what a recipe trains on."""

from vision.core.errors import ConfigError


class DatasetError(ConfigError):
    """A data set that cannot be trained on; the message names the file and what it should be."""
