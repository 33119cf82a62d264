"""Training of street-n, the default model: one backbone, COCO's classes and the garbage classes."""
