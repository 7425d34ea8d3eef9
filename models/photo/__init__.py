"""Photos as files: how they are read, what of them is kept, and how a filled photo is written. Needs numpy and Pillow, not torch."""
