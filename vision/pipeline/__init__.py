"""The worker's runtime: a camera's stages in order."""
