"""Boxes on pictures: back ends behind one seam, a batcher over cameras, tiling and the catalogue of models."""
