"""JPEG without loss: reading a scan's blocks, re-encoding and splicing them."""
