"""Training of street-n, the default model: one backbone, COCO's classes and the garbage classes."""

from vision.detectors.torch_compat import ensure_torchvision

ensure_torchvision()  # before any module here imports ultralytics, which imports torchvision
