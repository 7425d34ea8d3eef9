"""Photos as files: how they are read, what of them is kept, how a filled one is written. Needs numpy and Pillow, not torch."""
