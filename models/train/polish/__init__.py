"""Training of the embedded polishing model."""
